import { type Budget, spendBytes, spendWork } from '../budget.ts'

/** Decodes a body by its Content-Transfer-Encoding (RFC 2045, 6). Null where the encoding is unknown. */
export function decodeBody(body: Buffer, encoding: string, budget: Budget): Buffer | null {
  switch (encoding) {
    case '':
    case '7bit':
    case '8bit':
    case 'binary':
      return body
    case 'base64':
      return paid(body, budget, () => Buffer.from(base64Of(body), 'base64'))
    case 'quoted-printable':
      return paid(body, budget, () => decodeQuoted(body))
    case 'uuencode':
    case 'x-uuencode':
    case 'x-uue':
      return paid(body, budget, () => decodeUu(body.toString('latin1').split(/\r\n|[\r\n]/u)))
    default:
      return null
  }
}

function paid(body: Buffer, budget: Budget, decode: () => Buffer): Buffer {
  spendBytes(budget, body.length)
  spendWork(budget, body.length * 5)
  return decode()
}

const IN_BASE64 = /[A-Za-z0-9+/_-]/

/** Padding in the middle ends a run, not the data: programs differ, so what follows is read as well. */
function base64Of(body: Buffer): string {
  const text = body.toString('latin1')
  if (!text.includes('=')) return text
  let end = text.length
  while (end > 0 && !IN_BASE64.test(text.charAt(end - 1))) end -= 1
  return text.slice(0, end).replaceAll('=', '')
}

function decodeQuoted(body: Buffer): Buffer {
  const out = Buffer.alloc(body.length)
  let length = 0
  for (let at = 0; at < body.length; at++) {
    const byte = body[at] as number
    if (byte !== 0x3d) {
      out[length++] = byte
      continue
    }
    const high = hexOf(body[at + 1])
    const low = hexOf(body[at + 2])
    if (high >= 0 && low >= 0) {
      out[length++] = high * 16 + low
      at += 2
    } else at = softBreak(body, at) ?? keep(out, length++, byte, at)
  }
  return out.subarray(0, length)
}

function keep(out: Buffer, at: number, byte: number, position: number): number {
  out[at] = byte
  return position
}

/** The last byte of `=`, white space and a line end; null where it is none. */
function softBreak(body: Buffer, at: number): number | null {
  let end = at + 1
  while (body[end] === 0x20 || body[end] === 0x09) end += 1
  if (body[end] === 0x0d) end += 1
  return body[end] === 0x0a ? end : null
}

function hexOf(byte: number | undefined): number {
  if (byte === undefined) return -1
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30
  const lower = byte | 0x20
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1
}

/** Lines of uuencoded data, with or without those around them, up to `end`. */
export function decodeUu(lines: Iterable<string>): Buffer {
  const out: number[] = []
  for (const line of lines) {
    if (line === 'end') break
    if (line === '' || line.startsWith('begin ')) continue
    const length = (line.charCodeAt(0) - 32) & 63
    const values = Array.from(line.slice(1), (character) => (character.charCodeAt(0) - 32) & 63)
    for (let i = 0, left = length; left > 0; i += 4) {
      const [a = 0, b = 0, c = 0, d = 0] = values.slice(i, i + 4)
      out.push(...[((a << 2) | (b >> 4)) & 255, ((b << 4) | (c >> 2)) & 255, ((c << 6) | d) & 255].slice(0, left))
      left -= 3
    }
  }
  return Buffer.from(out)
}
