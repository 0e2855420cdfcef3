import { deflateSync, gzipSync } from 'node:zlib'
import type { Zone } from '../../../../test/support/zone.ts'
import { zipOf } from '../../../../test/unit/inspect/attachments/fixtures.ts'

const includes = (name: (i: number) => string, mechanism = 'include:'): string =>
  `v=spf1 ${Array.from({ length: 20 }, (_, i) => mechanism + name(i)).join(' ')} -all`

/** The policy of who sends all messages here: 20 others, of which each has 20 others, of names that are not there (RFC 7208 section 4.6.4). */
export const SPF_BOMBS: Zone = {
  'client.test': { txt: [includes((i) => `s${i}.client.test`)] },
  ...Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [
      `s${i}.client.test`,
      { txt: [includes((k) => `v${k}.s${i}.client.test`, 'a:')] },
    ]),
  ),
}

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/.{76}/g, '$&\r\n')

export const mixed = (head: string, name: string, bytes: Buffer): string =>
  `${head}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\n\r\nsee there\r\n--bb\r\nContent-Type: application/octet-stream; name="${name}"\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="${name}"\r\n\r\n${base64(bytes)}\r\n--bb--\r\n`

const HEAD = 'From: a@evil.test\r\nSubject: x\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000'

/** Small, and meant to cost much. */
export function bombsOf(): Readonly<Record<string, string>> {
  const many = (count: number, of: (i: number) => string) => Array.from({ length: count }, (_, i) => of(i)).join('')
  const plain = `${HEAD}\r\n\r\nx\r\n`
  const dkim = (i: number) =>
    `DKIM-Signature: v=1; a=rsa-sha256; d=d${i}.evil.test; s=s${i}; h=from; bh=AAAA; b=AAAA\r\n`
  const arc = (i: number) =>
    `ARC-Seal: i=${i + 1}; a=rsa-sha256; cv=pass; d=d${i}.evil.test; s=s; b=AAAA\r\nARC-Message-Signature: i=${i + 1}; a=rsa-sha256; d=d${i}.evil.test; s=s; h=from; bh=AAAA; b=AAAA\r\nARC-Authentication-Results: i=${i + 1}; x\r\n`
  const deep = many(5000, (i) => `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n`)
  const layers = (file: Buffer, count: number): Buffer =>
    count === 0 ? file : layers(zipOf([{ name: `${count}.zip`, method: 8, data: file }]), count - 1)
  const zeros = Buffer.alloc(100 << 20)
  const wide = zipOf([{ name: 'zeros', method: 8, data: zeros.subarray(0, 30 << 20) }])
  return {
    '1,000 DKIM signatures': many(1000, dkim) + plain,
    '200 sets of ARC': many(200, arc) + plain,
    'multiparts 5000 deep': `${HEAD}\r\nMIME-Version: 1.0\r\n${deep}x\r\n`,
    'messages 5000 deep': `${HEAD}\r\nMIME-Version: 1.0\r\n${'Content-Type: message/rfc822\r\n\r\n'.repeat(5000)}x\r\n`,
    '100,000 parts': `${HEAD}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n${'--b\r\n\r\nx\r\n'.repeat(100_000)}--b--\r\n`,
    'ZIP of 100 MiB of zeros': mixed(HEAD, 'a.zip', zipOf([{ name: 'zeros', method: 8, data: zeros }])),
    'gzip of gzip of 100 MiB of zeros': mixed(HEAD, 'a.gz', gzipSync(gzipSync(zeros))),
    'ZIP of 200 ZIPs of 30 MiB': mixed(
      HEAD,
      'a.zip',
      zipOf(Array.from({ length: 200 }, (_, i) => ({ name: `${i}.zip`, data: wide }))),
    ),
    'ZIP in ZIP, 100 times': mixed(HEAD, 'a.zip', layers(zipOf([]), 100)),
    'ZIP of 60,000 empty files': mixed(
      HEAD,
      'a.zip',
      zipOf(Array.from({ length: 60_000 }, (_, i) => ({ name: `${i}` }))),
    ),
    'PDF of a packed stream': mixed(
      HEAD,
      'a.pdf',
      Buffer.concat([
        Buffer.from('%PDF-1.7\n1 0 obj<</Type/ObjStm/N 1/First 4/Filter/FlateDecode/Length 9>>stream\n'),
        deflateSync(zeros),
        Buffer.from('\nendstream endobj\ntrailer<</Root 1 0 R>>\n%%EOF'),
      ]),
    ),
    '50,000 fields': many(50_000, (i) => `X-${i}: y\r\n`) + plain,
    'a field of 1 MB, folded': `${HEAD}\r\nReferences: ${'<a@b.test>\r\n '.repeat(80_000)}<c@d.test>\r\n\r\nx\r\n`,
    'a name of a file in 20,000 pieces': `${HEAD}\r\nMIME-Version: 1.0\r\nContent-Type: application/zip;\r\n${many(20_000, (i) => ` name*${i}*=%61;\r\n`)} x=y\r\n\r\nx\r\n`,
    '100,000 comments in From': `${HEAD.replace('a@evil.test', `${'('.repeat(50_000)}${')'.repeat(50_000)} a@evil.test`)}\r\n\r\nx\r\n`,
    '50,000 authors': `${HEAD.replace(
      'a@evil.test',
      many(50_000, (i) => `a${i}@evil.test,\r\n `),
    )}\r\n\r\nx\r\n`,
    '10,000 encoded words': `${HEAD}\r\nTo: ${'=?utf-8?Q?a?=\r\n '.repeat(10_000)}<b@c.test>\r\n\r\nx\r\n`,
  }
}
