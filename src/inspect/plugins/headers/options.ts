import { ACTIONS, type Action } from '../../action.ts'
import { OptionsReader } from '../../options.ts'

/** What is done about each fault of a header. `off`: nothing. */
export interface HeadersOptions {
  /** Not exactly one From (RFC 5322 section 3.6). */
  readonly from: Action
  /** A field that may stand once only is there twice: programs differ on which one they show. */
  readonly repeated: Action
  /** Lines that are no header field. */
  readonly malformed: Action
  /** Bytes above 127 in a header of a message without SMTPUTF8 (RFC 6531). */
  readonly eightBit: Action
  /** Lines over `maxLine`. */
  readonly longLines: Action
  /** More than `maxFields` fields or `maxBytes` bytes. */
  readonly large: Action
  /** Octets in a line, CRLF not counted (RFC 5322 section 2.1.1). */
  readonly maxLine: number
  readonly maxFields: number
  readonly maxBytes: number
}

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseHeadersOptions(raw: unknown): HeadersOptions {
  const reader = new OptionsReader('headers', raw)
  const options: HeadersOptions = {
    from: reader.choice('from', ACTIONS, 'reject'),
    repeated: reader.choice('repeated', ACTIONS, 'reject'),
    malformed: reader.choice('malformed', ACTIONS, 'reject'),
    eightBit: reader.choice('eightBit', ACTIONS, 'tag'),
    longLines: reader.choice('longLines', ACTIONS, 'tag'),
    large: reader.choice('large', ACTIONS, 'reject'),
    maxLine: reader.integer('maxLine', 78, 100_000, 998),
    maxFields: reader.integer('maxFields', 10, 100_000, 500),
    maxBytes: reader.integer('maxBytes', 1024, 16 * 1024 * 1024, 128 * 1024),
  }
  reader.done()
  return options
}
