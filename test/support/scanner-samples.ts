import { crc32, deflateRawSync } from 'node:zlib'
import { mail } from './eml.ts'

export { eicar, gtube } from '../../scripts/lib/scanners/samples.ts'

/** An archive of one file, deflated (PKWARE's APPNOTE.TXT sections 4.3.7, 4.3.12 and 4.3.16). */
export function zip(name: string, bytes: Buffer): Buffer {
  const [path, packed] = [Buffer.from(name), deflateRawSync(bytes)]
  // the fields that the local header and the central directory share, from "version needed" on
  const shared = Buffer.alloc(26)
  shared.writeUInt16LE(20, 0)
  shared.writeUInt16LE(8, 4)
  shared.writeUInt32LE(crc32(bytes), 10)
  shared.writeUInt32LE(packed.length, 14)
  shared.writeUInt32LE(bytes.length, 18)
  shared.writeUInt16LE(path.length, 22)
  const local = Buffer.concat([Buffer.from('PK\x03\x04'), shared, path, packed])
  const central = Buffer.concat([Buffer.from('PK\x01\x02\x14\x00'), shared, Buffer.alloc(14), path])
  const end = Buffer.alloc(18)
  end.writeUInt16LE(1, 4)
  end.writeUInt16LE(1, 6)
  end.writeUInt32LE(central.length, 8)
  end.writeUInt32LE(local.length, 12)
  return Buffer.concat([local, central, Buffer.from('PK\x05\x06'), end])
}

const wrapped = (text: string): string => text.replace(/.{76}/g, '$&\r\n')

/** A letter with an attachment, in base64. */
export function withAttachment(name: string, bytes: Buffer): Buffer {
  const { bytes: letter } = mail()
  const head = letter.toString().split('\r\n').slice(0, 5).join('\r\n')
  const parts = [
    'Content-Type: text/plain\r\n\r\nPlease see the file.\r\n',
    `Content-Type: application/octet-stream; name="${name}"\r\nContent-Disposition: attachment; filename="${name}"\r\n` +
      `Content-Transfer-Encoding: base64\r\n\r\n${wrapped(bytes.toString('base64'))}\r\n`,
  ]
  return Buffer.from(
    `${head}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b1"\r\n\r\n` +
      `${parts.map((part) => `--b1\r\n${part}`).join('')}--b1--\r\n`,
  )
}

/** A message that brings another one along, as when it is forwarded. */
export function forwarding(message: Buffer): Buffer {
  const head = mail().bytes.toString().split('\r\n').slice(0, 5).join('\r\n')
  const start = `${head}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b2"\r\n\r\n--b2\r\nContent-Type: message/rfc822\r\n\r\n`
  return Buffer.concat([Buffer.from(start), message, Buffer.from('\r\n--b2--\r\n')])
}
