const MAX_NAME = 200

/** What stands in a message where an attachment was: a text part, header and body, 7-bit. */
export function notice(name: string | null, virus: string): Buffer {
  const shown = name === null ? 'without a name' : `“${tidy(name)}”`
  const text = [
    `An attachment (${shown}) was removed from this message because it holds a virus: ${virus}.`,
    '',
    'The rest of the message is as it was sent. If you need the attachment, tell the sender what happened.',
    '',
  ].join('\r\n')
  const encoded = Buffer.from(text).toString('base64').replace(/.{76}/g, '$&\r\n')
  return Buffer.from(`${FIELDS.join('\r\n')}\r\n\r\n${encoded}`)
}

const FIELDS = [
  'Content-Type: text/plain; charset=utf-8',
  'Content-Transfer-Encoding: base64',
  'Content-Disposition: inline',
]

/** A name may hold anything: line ends, and characters that turn the direction of text. */
export const tidy = (name: string): string => name.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?').slice(0, MAX_NAME)
