import { randomBytes } from 'node:crypto'
import type { SmimeSigner } from './encrypt-job.ts'
import { innerEntity, outerHeader } from './entity.ts'
import { enveloped } from './envelope.ts'
import { takeApart } from './header.ts'
import { detachedSignature } from './signature.ts'

export interface SmimeOptions {
  readonly certificates: readonly string[]
  readonly sign: SmimeSigner | null
  readonly outerSubject: string | null
  /** Milliseconds since 1970, for the signature. */
  readonly now: number
}

/** An RFC 8551 message of a message with CRLF line ends. Throws Error, in words, where it cannot be made. */
export function smimeMessage(message: Buffer, { certificates, sign, outerSubject, now }: SmimeOptions): Buffer {
  const halves = takeApart(message)
  const entity = innerEntity(halves, outerSubject)
  const payload = sign === null ? entity : multipartSigned(entity, sign, now)
  const body = base64Lines(enveloped(payload, certificates))
  return Buffer.concat([outerHeader(halves, outerSubject), ENVELOPED, body])
}

const ENVELOPED = Buffer.from(
  `${[
    'MIME-Version: 1.0',
    'Content-Type: application/pkcs7-mime; smime-type=enveloped-data;',
    ' name="smime.p7m"',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="smime.p7m"',
  ].join('\r\n')}\r\n\r\n`,
)

/**
 * RFC 8551 section 3.5.3. Not opaque: that would put base64 into base64, and make a message nearly twice as
 * large. The entity may have any bytes, since nothing on the way sees it.
 */
function multipartSigned(entity: Buffer, signer: SmimeSigner, now: number): Buffer {
  const boundary = `=_${randomBytes(18).toString('hex')}`
  const head = [
    'Content-Type: multipart/signed; protocol="application/pkcs7-signature";',
    ` micalg=sha-256; boundary="${boundary}"`,
    '',
    `--${boundary}`,
    '',
  ]
  const between = [
    '',
    `--${boundary}`,
    'Content-Type: application/pkcs7-signature; name="smime.p7s"',
    'Content-Transfer-Encoding: base64',
    'Content-Disposition: attachment; filename="smime.p7s"',
    '',
    '',
  ]
  const signature = base64Lines(detachedSignature(entity, signer, now))
  return Buffer.concat([lines(head), entity, lines(between), signature, Buffer.from(`--${boundary}--\r\n`)])
}

const lines = (all: readonly string[]): Buffer => Buffer.from(all.join('\r\n'))

const LINE_BYTES = 57
const CHUNK_BYTES = LINE_BYTES * 4096

/** RFC 2045 section 6.8: lines of 76 characters. */
function base64Lines(bytes: Buffer): Buffer {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const text = bytes.toString('base64', at, at + CHUNK_BYTES)
    pieces.push(Buffer.from(text.replace(/.{1,76}/g, '$&\r\n'), 'latin1'))
  }
  return Buffer.concat(pieces)
}
