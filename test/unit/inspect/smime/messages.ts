import fc from 'fast-check'

const CRLF = '\r\n'
export const message = (...lines: readonly string[]): Buffer => Buffer.from(lines.join(CRLF))

export const PLAIN = message(
  'Received: from ward.example.test by relay.example.test; Mon, 23 Nov 2026 10:00:00 +0000',
  'From: Ward 7 <ward7@royal.example.test>',
  'To: gp@practice.example',
  'Subject: Results of',
  ' Jane Doe',
  'Thread-Topic: Results of Jane Doe',
  'Date: Mon, 23 Nov 2026 10:00:00 +0000',
  'Message-ID: <1@royal.example.test>',
  'MIME-Version: 1.0',
  'Content-Type: text/plain; charset=utf-8;',
  ' format=flowed',
  'Content-Transfer-Encoding: 8bit',
  'X-Tail: stays',
  '',
  'Grüße from the ward',
  '',
)

/** Header and body of a whole message. */
export function halves(bytes: Buffer): { header: string; body: Buffer } {
  const at = bytes.indexOf('\r\n\r\n')
  return { header: bytes.toString('latin1', 0, at + 2), body: bytes.subarray(at + 4) }
}

// no CR and LF but as line ends, which is how messages come in
const byte = fc.integer({ min: 0, max: 255 }).filter((value) => value !== 13 && value !== 10)
const line = fc.oneof(
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes.filter((value) => value !== 13 && value !== 10))),
  fc.constantFrom('', ' ', '.', '--', 'From me', 'a ', '\t', 'é'.repeat(90)).map((text) => Buffer.from(text)),
  fc.array(byte, { minLength: 900, maxLength: 3000 }).map((bytes) => Buffer.from(bytes)),
)

/** Bodies of any bytes, with CRLF line ends; some without one at their end. */
export const bodies: fc.Arbitrary<Buffer> = fc
  .record({ lines: fc.array(line, { maxLength: 12 }), ended: fc.boolean() })
  .map(({ lines, ended }) => {
    const all = lines.flatMap((each, i) => (i === 0 ? [each] : [Buffer.from(CRLF), each]))
    return Buffer.concat([...all, Buffer.from(ended ? CRLF : '')])
  })

const word = fc.stringMatching(/^[A-Za-z0-9-]{1,12}$/)
const value = fc.stringMatching(/^[ -~]{0,60}$/).map((text) => text.trim())
const type = fc.constantFrom(
  'text/plain',
  'text/html; charset=utf-8',
  'multipart/mixed; boundary="b"',
  'image/png; x=1;',
)

/** Header fields in any order, content fields among them. */
export const headers: fc.Arbitrary<string> = fc
  .array(
    fc.oneof(
      fc.tuple(word, value).map(([name, text]) => `X-${name}: ${text}`),
      value.map((text) => `Subject: ${text}`),
      value.map((text) => `From: ${text}`),
      type.map((text) => `Content-Type: ${text}`),
      fc.constantFrom('8bit', 'binary', 'base64').map((text) => `content-transfer-encoding: ${text}`),
      fc.constant('Mime-Version: 1.0'),
      fc.constant('X-Folded: a\r\n\tb'),
    ),
    { minLength: 1, maxLength: 10 },
  )
  .map((fields) => fields.map((field) => `${field}${CRLF}`).join(''))
