import type { Content } from '../../../mail/content.ts'
import type { ScanResult } from './reply.ts'

/** What is given to clamd in one piece. */
export interface Sample {
  readonly content: Content
  /** A message, or a part with a header; otherwise a file. */
  readonly isMail: boolean
}

/** Rejects with ScannerFailure unless there is an answer that counts. */
export type Scan = (content: Content) => Promise<ScanResult>
