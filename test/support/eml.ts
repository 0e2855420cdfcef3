import { randomBytes } from 'node:crypto'

export interface MailOptions {
  readonly from?: string
  readonly to?: string
  readonly subject?: string
  /** CRLF line ends. */
  readonly body?: string
}

/** A message with CRLF line ends, under a Message-ID of its own. */
export function mail({
  from = 'ward@client.test',
  to = 'practice@next.test',
  subject = 'a test',
  body = 'A body.\r\n',
}: MailOptions = {}): { readonly id: string; readonly bytes: Buffer } {
  const id = `<${randomBytes(8).toString('hex')}@client.test>`
  const head = [
    `From: ${from}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Message-ID: ${id}`,
    'Date: Sun, 22 Nov 2026 12:00:00 +0000',
    'MIME-Version: 1.0',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: 8bit',
  ]
  return { id, bytes: Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`) }
}

/** Everything after the header; `eol` is the line end in use. */
export function bodyOf(message: Buffer | string, eol = '\r\n'): string {
  const text = message.toString()
  return text.slice(text.indexOf(eol + eol) + 2 * eol.length)
}

/** Lines that have broken relays before: dots, trailing space, eight bits, long ones. */
export const AWKWARD_BODY = [
  '.',
  '..',
  '.a line that starts with a dot',
  'Zoë Björnsdóttir · Dziękuję · 谢谢',
  'trailing space ',
  '\ttab first',
  'From the start of a line',
  'x'.repeat(990),
  '',
  'the last line',
  '',
].join('\r\n')
