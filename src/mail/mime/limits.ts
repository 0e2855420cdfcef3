/** How far a message is taken apart. What goes beyond is an anomaly, and the result is not `complete`. */
export interface MimeLimits {
  /** Levels below the root; a message in a message is one, each multipart is one. */
  readonly depth: number
  /** Parts of all levels, the root included. */
  readonly parts: number
  /** Bytes in the header of one part. */
  readonly headerBytes: number
  /** Fields in the header of one part. */
  readonly headerFields: number
  /** Parameters of one field. */
  readonly parameters: number
  /** Anomalies that are listed; all kinds are known beyond that, but not each place. */
  readonly anomalies: number
}

export const MIME_LIMITS: MimeLimits = {
  depth: 30,
  parts: 10_000,
  headerBytes: 262_144,
  headerFields: 1000,
  parameters: 100,
  anomalies: 500,
}
