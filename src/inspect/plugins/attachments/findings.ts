import { ATTACHMENT_CHECKS as CHECKS, type AttachmentCheck as Check } from '../../../mail/attachment-words.ts'

export { CHECKS, type Check }

/** One thing that was found, in words that are safe to show. */
export interface Found {
  readonly check: Check
  /** `a.zip > b.docx`; null where it is about the message. */
  readonly path: string | null
  /** Such as `ZIP archive`; of a blocked file the rule. */
  readonly format: string
  /** What was seen there. */
  readonly why: string
  /** For the sender, in ASCII: which file, why, what to do instead. */
  readonly reason: string
}

/** A file of the message, whatever was found. */
export interface FileSeen {
  readonly path: string
  readonly format: string
  readonly state: string
}

/** What there is to say of one message. Plain data: it travels between threads. */
export interface Findings {
  /** Parts that hold content. */
  readonly parts: number
  /** Attachments: the first of them. */
  readonly files: readonly FileSeen[]
  /** The first of each check. */
  readonly found: readonly Found[]
  /** How many of each there are. */
  readonly counts: Readonly<Record<Check, number>>
}

/** So many of each are kept. */
const KEPT = 20

/** Gathers findings; what is over the bounds is counted. */
export class Gathering {
  parts = 0
  readonly #files: FileSeen[] = []
  readonly #found: Found[] = []
  readonly #counts = { encrypted: 0, blocked: 0, suspicious: 0, ambiguous: 0, readable: 0, unread: 0 }

  add(found: Found): void {
    this.#counts[found.check] += 1
    if (this.#counts[found.check] <= KEPT) this.#found.push(found)
  }

  addFile(file: FileSeen): void {
    if (this.#files.length < KEPT) this.#files.push(file)
  }

  get findings(): Findings {
    return { parts: this.parts, files: this.#files, found: this.#found, counts: { ...this.#counts } }
  }
}
