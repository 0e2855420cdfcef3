import assert from 'node:assert/strict'

/** One part of a MIME message, taken apart by means that share nothing with what is tested. */
export interface ParsedPart {
  readonly type: string
  readonly fields: ReadonlyMap<string, string>
  /** Decoded as its Content-Transfer-Encoding says. */
  readonly body: Buffer
}

/** A delivery status notification, taken apart. */
export interface ParsedReport {
  readonly header: ReadonlyMap<string, string>
  readonly human: string
  readonly status: ParsedPart
  /** Fields about the message. */
  readonly perMessage: ReadonlyMap<string, string>
  /** Fields about each recipient. */
  readonly perRecipient: readonly ReadonlyMap<string, string>[]
  readonly returned: ParsedPart | null
}

/** Takes a multipart/report apart, and asserts that its structure is as RFC 6522 wants it. */
export function parseReport(bytes: Buffer): ParsedReport {
  const { fields: header, body } = split(bytes)
  const contentType = header.get('content-type') ?? ''
  assert.match(contentType, /^multipart\/report; report-type=delivery-status; boundary="[^"]+"$/)
  assert.equal(header.get('mime-version'), '1.0')
  const boundary = /boundary="([^"]+)"/.exec(contentType)?.[1] ?? ''
  const [human, status, returned, ...more] = partsOf(body, boundary)
  assert.ok(human && status && more.length === 0, 'two or three parts')
  assert.equal(human.type, 'text/plain')
  const [perMessage, ...perRecipient] = status.body
    .toString()
    .trimEnd()
    .split('\r\n\r\n')
    .map((group) => fieldsOf(group))
  assert.ok(perMessage)
  return { header, human: human.body.toString(), status, perMessage, perRecipient, returned: returned ?? null }
}

function partsOf(body: Buffer, boundary: string): ParsedPart[] {
  const pieces = `\r\n${body.toString('latin1')}`.split(`\r\n--${boundary}`)
  assert.equal(pieces.at(-1), '--\r\n', 'ends with its boundary')
  return pieces.slice(1, -1).map((piece) => {
    assert.ok(piece.startsWith('\r\n'))
    const { fields, body: content } = split(Buffer.from(piece.slice(2), 'latin1'))
    const type = (fields.get('content-type') ?? '').split(';')[0] ?? ''
    return { type, fields, body: decoded(content, fields.get('content-transfer-encoding') ?? '7bit') }
  })
}

function split(bytes: Buffer): { fields: Map<string, string>; body: Buffer } {
  const end = bytes.indexOf('\r\n\r\n')
  assert.ok(end >= 0, 'has an empty line')
  return { fields: fieldsOf(bytes.subarray(0, end).toString()), body: bytes.subarray(end + 4) }
}

/** Unfolded, names in lower case. A line that is no field fails. */
export function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string>()
  for (const line of text.replace(/\r\n[ \t]+/g, ' ').split('\r\n')) {
    const [, name = '', value = ''] = /^([!-9;-~]+): ?(.*)$/.exec(line) ?? []
    assert.notEqual(name, '', `not a field: ${JSON.stringify(line)}`)
    assert.ok(!fields.has(name.toLowerCase()), `twice: ${name}`)
    fields.set(name.toLowerCase(), value)
  }
  return fields
}

function decoded(body: Buffer, encoding: string): Buffer {
  if (encoding === 'quoted-printable') {
    const text = body.toString('latin1').replace(/=\r\n/g, '')
    return Buffer.from(
      text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16))),
      'latin1',
    )
  }
  if (encoding === '7bit')
    assert.ok(
      body.every((byte) => byte < 128),
      '7bit holds nothing above 127',
    )
  assert.ok(['7bit', '8bit'].includes(encoding), encoding)
  return body
}
