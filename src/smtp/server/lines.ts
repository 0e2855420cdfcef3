import { isUtf8 } from 'node:buffer'
import type { WireLimits } from './contract.ts'
import { BAD_CHARACTERS, BARE_LF_COMMAND, LINE_TOO_LONG, NOT_SMTP, type WireReply } from './replies.ts'

export interface FoundLine {
  /** Without its line end; or why it cannot be read. */
  readonly line: string | WireReply
  /** Index of what follows it. */
  readonly used: number
}

const LF = 10
const CR = 13
// The first byte of a TLS handshake record
const TLS_HANDSHAKE = 22

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/
const HIGH = /[\u0080-\u00ff]/

/** Reads the command line that begins at `start`; null if its end has not come. RFC 5321 section 2.3.8: only CRLF ends a line. */
export function readLine(input: Buffer, start: number, limits: WireLimits): FoundLine | null {
  if (input[start] === TLS_HANDSHAKE) return { line: NOT_SMTP, used: input.length }
  const lf = input.indexOf(LF, start)
  const length = (lf < 0 ? input.length : lf + 1) - start
  // The same, however the line is cut: the limit is on the line, not on what of it has come
  if (length > limits.commandLine) return { line: LINE_TOO_LONG, used: input.length }
  if (lf < 0) return null
  const bare = lf === start || input[lf - 1] !== CR
  const line = bare && !limits.lenient ? BARE_LF_COMMAND : decode(input, start, bare ? lf : lf - 1)
  return { line, used: lf + 1 }
}

function decode(input: Buffer, start: number, end: number): string | WireReply {
  const text = input.toString('latin1', start, end)
  if (!HIGH.test(text)) return CONTROL.test(text) ? BAD_CHARACTERS : text.trimEnd()
  const bytes = input.subarray(start, end)
  const wide = isUtf8(bytes) ? bytes.toString('utf8') : null
  return wide === null || CONTROL.test(wide) ? BAD_CHARACTERS : wide.trimEnd()
}
