/** What one message's attachments may cost. Everything is counted, nothing is timed: the same bytes always end alike. */
export interface Limits {
  /** Containers in each other, the attachment itself counted. 8. */
  readonly maxDepth: number
  /** Members, streams and parts looked at in one message. 10,000. */
  readonly maxItems: number
  /** Bytes unpacked or decoded for one message. 256 MiB. */
  readonly maxBytes: number
  /** Bytes of one unpacked member. 128 MiB. */
  readonly maxItemBytes: number
  /**
   * Bytes that are unpacked by LZMA from one archive, some 25 million a second; a larger one is judged by
   * its headers, and listed as unread. 32 MiB.
   */
  readonly maxLzmaBytes: number
  /** Unpacked over packed size of one member, once it is over `ratioFreeBytes`. 250. */
  readonly maxRatio: number
  /** Unpacked size up to which any ratio is allowed. 16 MiB. */
  readonly ratioFreeBytes: number
  /**
   * Units of work for one message; one is about a byte looked at once, a nanosecond or two of
   * computing. 1,000,000,000.
   */
  readonly maxWork: number
  /** Rounds of a key derivation that are run to try Office's own default passwords. 200,000 (Office writes 100,000). */
  readonly maxSpins: number
  /** Start of a file in which an archive is searched that something else was put in front of. 1 MiB. */
  readonly maxStubBytes: number
  /** Header of an attached message or of one of its parts. 256 KiB. */
  readonly maxMimeHeaderBytes: number
  /** Multiparts in each other in an attached message. 20. */
  readonly maxMultipartDepth: number
  /** Findings that are listed by name; the worst is always among them. 50. */
  readonly maxFindings: number
}

const MIB = 1024 * 1024

export const DEFAULT_LIMITS: Limits = {
  maxDepth: 8,
  maxItems: 10_000,
  maxBytes: 256 * MIB,
  maxItemBytes: 128 * MIB,
  maxLzmaBytes: 32 * MIB,
  maxRatio: 250,
  ratioFreeBytes: 16 * MIB,
  maxWork: 1_000_000_000,
  maxSpins: 200_000,
  maxStubBytes: MIB,
  maxMimeHeaderBytes: 256 * 1024,
  maxMultipartDepth: 20,
  maxFindings: 50,
}
