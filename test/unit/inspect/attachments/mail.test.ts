import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENCRYPTED_ZIP, judge, rulesOf, said, zipOf } from './fixtures.ts'

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/.{76}/gu, '$&\r\n')

function messageOf(parts: readonly string[], head = 'Content-Type: multipart/mixed; boundary="b"'): string {
  const body = parts.map((part) => `--b\r\n${part}\r\n`).join('')
  return `From: a@x.test\r\nSubject: Results\r\nMIME-Version: 1.0\r\n${head}\r\n\r\n${body}--b--\r\n`
}

const ATTACHED =
  'Content-Type: application/octet-stream; name="a.zip"\r\nContent-Transfer-Encoding: base64\r\n\r\n' +
  base64(ENCRYPTED_ZIP)
const TYPE = { type: 'message/rfc822' }

test('attachments of an attached message are found, also in a message in it', () => {
  const inner = messageOf(['Content-Type: text/plain\r\n\r\nhello', ATTACHED])
  assert.equal(said(judge('m.eml', inner)), 'encrypted m.eml > a.zip > secret.txt: traditional encryption')
  const outer = `Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\nContent-Type: message/rfc822\r\n\r\n${inner}\r\n--outer--`
  assert.equal(
    said(judge(null, outer, TYPE)),
    'encrypted unnamed part > attached message > a.zip > secret.txt: traditional encryption',
  )
})

test('names are read in the encodings of RFC 2231 and RFC 2047', () => {
  const pieces = `filename*0*=utf-8''caf%C3%A9; filename*1="-b.e"; filename*2=xe`
  const words = 'filename="=?utf-8?B?w6kuZXhl?="'
  for (const [parameter, path] of [
    [pieces, 'm.eml > caf\u00e9-b.exe'],
    [words, 'm.eml > \u00e9.exe'],
  ]) {
    const { blocked } = judge('m.eml', messageOf([`Content-Disposition: attachment; ${parameter}\r\n\r\nx`]))
    assert.deepEqual(
      blocked.map(({ path }) => path),
      [path],
    )
  }
})

test('parts without an end and behind the last boundary are read too', () => {
  const open = messageOf([ATTACHED]).replace('--b--\r\n', '')
  assert.equal(judge('m.eml', open).state, 'encrypted')
  const behind = `${messageOf(['\r\ntext'])}--b\r\n${ATTACHED}\r\n--b--\r\n`
  assert.equal(judge('m.eml', behind).state, 'encrypted')
})

test('fields that contradict each other and unknown encodings are suspicious', () => {
  const twice = messageOf(['Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx'])
  assert.equal(said(judge('m.eml', twice)), 'suspicious m.eml: has two content-type fields')
  const odd = messageOf(['Content-Transfer-Encoding: rot13\r\n\r\nx'])
  assert.equal(said(judge('m.eml', odd)), 'suspicious m.eml > unnamed part: its transfer encoding is unknown')
  const none = messageOf(['x'], 'Content-Type: multipart/mixed')
  assert.equal(said(judge('m.eml', none)), 'suspicious m.eml: a multipart of it has no boundary')
})

test('multiparts in each other pass up to the limit, and a header up to its size', () => {
  const level = (i: number): string =>
    i === 0 ? 'text' : `Content-Type: multipart/mixed; boundary=b${i}\r\n\r\n--b${i}\r\n${level(i - 1)}\r\n--b${i}--`
  const limits = { maxMultipartDepth: 4 }
  assert.equal(judge('m.eml', level(4), { limits }).state, 'clean')
  assert.equal(judge('m.eml', level(5), { limits }).state, 'suspicious')
  const header = 'Subject: x\r\n\r\nbody'
  assert.equal(judge('m.eml', header, { limits: { maxMimeHeaderBytes: 14 } }).state, 'clean')
  assert.equal(judge('m.eml', header, { limits: { maxMimeHeaderBytes: 13 } }).state, 'suspicious')
})

test('quoted-printable and uuencode are decoded, inline uuencode as well', () => {
  const quoted =
    'Content-Transfer-Encoding: quoted-printable\r\nContent-Type: text/x; name=a.txt\r\n\r\n#!/bin/s=\r\nh=0Aecho'
  assert.deepEqual(rulesOf(judge('m.eml', messageOf([quoted]))), ['script'])
  const line = (bytes: Buffer): string => {
    const digit = (value: number): string => String.fromCharCode(value === 0 ? 96 : value + 32)
    let text = digit(bytes.length)
    for (let i = 0; i < bytes.length; i += 3) {
      const [a = 0, b = 0, c = 0] = bytes.subarray(i, i + 3)
      text += [a >> 2, ((a & 3) << 4) | (b >> 4), ((b & 15) << 2) | (c >> 6), c & 63].map(digit).join('')
    }
    return text
  }
  const lines = Array.from({ length: Math.ceil(ENCRYPTED_ZIP.length / 45) }, (_, i) =>
    line(ENCRYPTED_ZIP.subarray(i * 45, i * 45 + 45)),
  )
  const text = `See below.\nbegin 644 x.zip\n${lines.join('\n')}\n\`\nend\n`
  assert.equal(said(judge('note.txt', text)), 'encrypted note.txt > x.zip > secret.txt: traditional encryption')
})

/** A packet of OpenPGP in the new format. */
const packet = (tag: number, body: Buffer): Buffer => Buffer.concat([Buffer.from([0xc0 | tag, body.length]), body])
const SESSION = packet(3, Buffer.from('04090308aaaaaaaaaaaaaaaa60', 'hex'))
const SEALED = packet(18, Buffer.concat([Buffer.from([1]), Buffer.alloc(60, 9)]))
const armoured = (bytes: Buffer): string =>
  `-----BEGIN PGP MESSAGE-----\n\n${base64(bytes)}\n=abcd\n-----END PGP MESSAGE-----\n`

test('PGP is found in binary, in armour, quoted and in HTML', () => {
  const message = Buffer.concat([SESSION, SEALED])
  assert.equal(said(judge('a.bin', message)), 'encrypted a.bin: PGP passphrase')
  assert.equal(said(judge(null, `Dear all,\n${armoured(message)}`)), 'encrypted unnamed part: PGP passphrase')
  assert.equal(judge(null, armoured(message).replace(/^/gmu, '> ')).state, 'encrypted')
  assert.equal(judge(null, `<p>${armoured(message).replaceAll('\n', '<br>')}</p>`).state, 'encrypted')
  assert.equal(judge(null, 'Look for\n-----BEGIN PGP MESSAGE-----\nand send it.').state, 'clean')
})

test('what PGP only signs or packs is looked into', () => {
  const literal = packet(11, Buffer.concat([Buffer.from('b\x05a.zip\0\0\0\0', 'latin1'), ENCRYPTED_ZIP]))
  const signed = Buffer.concat([packet(4, Buffer.concat([Buffer.from([3]), Buffer.alloc(12)])), literal])
  assert.equal(said(judge('x.gpg', signed)), 'encrypted x.gpg > a.zip > secret.txt: traditional encryption')
})

test('multipart/encrypted is encrypted, whatever is in it', () => {
  const type = 'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b'
  assert.equal(judge('m.eml', messageOf(['\r\nx'], type)).state, 'encrypted')
  assert.equal(judge(null, 'Version: 1', { type: 'application/pgp-encrypted' }).state, 'encrypted')
})

const der = (tag: number, ...content: Buffer[]): Buffer => {
  const body = Buffer.concat(content)
  const length =
    body.length < 128 ? Buffer.from([body.length]) : Buffer.from([0x82, body.length >> 8, body.length & 255])
  return Buffer.concat([Buffer.from([tag]), length, body])
}
const oid = (hex: string): Buffer => der(6, Buffer.from(hex, 'hex'))

test('S/MIME is encrypted or looked into by its content type', () => {
  const enveloped = der(0x30, oid('2a864886f70d010703'), der(0xa0, Buffer.alloc(9)))
  assert.equal(said(judge('smime.p7m', enveloped)), 'encrypted smime.p7m: CMS enveloped data')
  const content = der(0x30, oid('2a864886f70d010701'), der(0xa0, der(4, Buffer.from(messageOf([ATTACHED])))))
  const signed = der(
    0x30,
    oid('2a864886f70d010702'),
    der(0xa0, der(0x30, der(2, Buffer.from([1])), der(0x31), content)),
  )
  assert.equal(
    said(judge('smime.p7m', signed)),
    'encrypted smime.p7m > signed content > a.zip > secret.txt: traditional encryption',
  )
  assert.equal(judge('smime.p7m', signed.subarray(0, 60)).state, 'suspicious')
  const pem = `-----BEGIN CMS-----\n${base64(enveloped)}\n-----END CMS-----\n`
  assert.equal(judge('a.pem', pem).state, 'encrypted')
})

function attribute(level: number, id: number, value: Buffer): Buffer {
  const head = Buffer.alloc(9)
  head.writeUInt8(level)
  head.writeUInt32LE(id, 1)
  head.writeUInt32LE(value.length, 5)
  return Buffer.concat([head, value, Buffer.alloc(2)])
}

function property(type: number, id: number, value: Buffer): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16LE(type)
  head.writeUInt16LE(id, 2)
  head.writeUInt32LE(1, 4)
  head.writeUInt32LE(value.length, 8)
  return Buffer.concat([head, value, Buffer.alloc((4 - (value.length % 4)) % 4)])
}

const tnefOf = (...attributes: Buffer[]): Buffer =>
  Buffer.concat([
    Buffer.from('789f3e220100', 'hex'),
    attribute(1, 0x00089006, Buffer.from('00000100', 'hex')),
    ...attributes,
  ])
const RENDER = attribute(2, 0x00069002, Buffer.alloc(14))

test('attachments of winmail.dat are found, with their long names, and those of messages in it', () => {
  const count = Buffer.from([1, 0, 0, 0])
  const name = property(31, 0x3707, Buffer.from('long name.zip\0', 'utf16le'))
  const plain = tnefOf(
    RENDER,
    attribute(2, 0x00018010, Buffer.from('LONGNA~1.ZIP\0')),
    attribute(2, 0x0006800f, ENCRYPTED_ZIP),
    attribute(2, 0x00069005, Buffer.concat([count, name])),
  )
  assert.equal(
    said(judge('winmail.dat', plain)),
    'encrypted winmail.dat > long name.zip > secret.txt: traditional encryption',
  )
  const object = property(13, 0x3701, Buffer.concat([Buffer.alloc(16), plain]))
  const nested = tnefOf(
    RENDER,
    attribute(2, 0x00018010, Buffer.from('message\0')),
    attribute(2, 0x00069005, Buffer.concat([count, object])),
  )
  assert.match(said(judge('winmail.dat', nested)), /^encrypted winmail\.dat > message > long name\.zip > secret\.txt/u)
  assert.equal(judge('winmail.dat', plain.subarray(0, -5)).state, 'encrypted')
  assert.equal(
    judge('winmail.dat', tnefOf(RENDER, attribute(2, 0x0006800f, zipOf([{ name: 'a.txt' }]))).subarray(0, -5)).state,
    'suspicious',
  )
})
