/**
 * What a server says to a client, as a value: RFC 5321 section 4.2 reply code,
 * RFC 3463 enhanced status code, and text for people.
 */
export interface Reply {
  /** Three digits, 200 to 599. */
  readonly code: number
  /** `class.subject.detail`; null where RFC 2034 forbids one (greeting, HELO and EHLO replies, 3xx). */
  readonly enhanced: string | null
  /** One line, or several. Never holds CR, LF or other control characters: `reply()` replaces them. */
  readonly lines: readonly string[]
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g

/** Makes a reply. Control characters in the text become spaces, so that no text can split a reply in two. */
export function reply(code: number, enhanced: string | null, ...lines: string[]): Reply {
  return { code, enhanced, lines: lines.map((line) => line.replace(CONTROL, ' ')) }
}

/** The reply on one line, as it stands in logs, the trace and notifications. */
export function replyText({ code, enhanced, lines }: Reply): string {
  return [code, enhanced, lines.join(' ')].filter((part) => part !== null && part !== '').join(' ')
}

export const isPositive = (r: Reply): boolean => r.code >= 200 && r.code < 400
export const isPermanent = (r: Reply): boolean => r.code >= 500 && r.code < 600
