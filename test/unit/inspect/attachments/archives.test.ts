import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32, gzipSync, zstdCompressSync } from 'node:zlib'
import { ENCRYPTED_ZIP, judge, rulesOf, said, tarOf, zipOf } from './fixtures.ts'

const from = (text: string): Buffer => Buffer.from(text, 'base64')

/** Made by xz: a ZIP archive with an encrypted member. */
const XZ = from(
  '/Td6WFoAAATm1rRGAgAhARYAAAB0L+Wj4ACCAEddACgSvGAol9D8MGSZ5HtB5QiCqe38f8lhMMX2oOHEtwrzWgzFtb4z8tQIHJq6/QEoPE0n6Ip4mGD/8jKqi3210VfJ+eJLjmUAAABEE9TeLFE7JAABY4MBAAAADgTPA7HEZ/sCAAAAAARZWg==',
)
/** Made by Python: a shell script packed by LZMA in a ZIP archive. */
const LZMA_ZIP = from(
  'UEsDBD8AAgAOAFF2dl0JPOM+LwAAAIIFAAAHAAAAcnVuLnR4dAkEBQBdAACAAAARiEJGPfQWNHMKDaQ2neZyDrnqlIikAm6dct2URCdp///v1AAAUEsBAj8DPwACAA4AUXZ2XQk84z4vAAAAggUAAAcAAAAAAAAAAAAAAIABAAAAAHJ1bi50eHRQSwUGAAAAAAEAAQA1AAAAVAAAAAAA',
)
/** Made by 7-Zip: note.txt and small.zip, which has an encrypted member, by LZMA, with a packed header. */
const SEVEN_LZMA = from(
  'N3q8ryccAAQk0pQNswAAAAAAAAAgAAAAAAAAAOkWUWkAMIgJxzQ8wkO31jZSZjZaYZ0sIyTpGCE9bSD5mFvHn5lJH7Y97gj6vWeluX5xVSR5Or3Lo+eDcECoqORzzjW50wRGuvj3WVKs8lx5AAAAgTMHrg/Smro9QMCQ00PE4fnoshfsqpGWfoQc36Et+Le79cF1W+UuLk3HJN2CJ6IjwPKVUXPXW/Jbpx9ZOLyWyPZYpQHx9COXUqtrVuRJfyMwcsZvdhrnQa88DJFZG+pq5/TUABcGTQEJZgAHCwEAASMDAQEFXQAQAAAMdgoBtDX+QQAA',
)
const SEVEN_PPMD = from(
  'N3q8ryccAARFht+HDwAAAAAAAABOAAAAAAAAAMOxL0YAYL8UOlC8ehT9FJAAAAABBAYAAQkPAAcLAQABIwMEAQUGAAABAAyBGAAICgH4KRbXAAAFARkFAAAAAAAREwBuAG8AdABlAC4AdAB4AHQAAAAZABUGAQAggKSBAAA=',
)
const SEVEN_AES = from(
  'N3q8ryccAATYvGW4EAAAAAAAAABuAAAAAAAAAMWrOnGQq4dTWzw1ZhmlnOBJ1zUxAQQGAAEJEAAHCwEAAiQG8QcBElMProwNkCCIvqGqLkv464XErSMDAQEFXQAQAAABAAwPgRgACAoB+CkW1wAABQEZCgAAAAAAAAAAAAAREwBuAG8AdABlAC4AdAB4AHQAAAAZABUGAQAggKSBAAA=',
)

test('7z by LZMA is unpacked, by another method judged by its header, under a password encrypted', () => {
  assert.match(said(judge('a.7z', SEVEN_LZMA)), /^encrypted a\.7z > small\.zip > a\.txt: traditional encryption$/u)
  const unread = judge('a.7z', SEVEN_PPMD)
  assert.equal(unread.state, 'clean')
  assert.deepEqual(
    unread.unread.map(({ path, facts }) => [path, ...facts]),
    [['a.7z > note.txt', 'packed by 030401']],
  )
  assert.equal(said(judge('a.7z', SEVEN_AES)), 'encrypted a.7z > note.txt: AES-256')
})

test('7z is found behind a program that unpacks it', () => {
  const stub = Buffer.alloc(3000, 1)
  stub.write('MZ\0')
  const verdict = judge('setup.dat', Buffer.concat([stub, SEVEN_AES]))
  assert.equal(said(verdict), 'encrypted setup.dat > 7z archive inside > note.txt: AES-256')
  assert.deepEqual(rulesOf(verdict), ['executable'])
  const far = judge('setup.dat', Buffer.concat([stub, SEVEN_AES]), { limits: { maxStubBytes: 2999 } })
  assert.equal(far.state, 'clean')
})

test('no truncation and no changed byte of a 7z archive is clean, unless it is padding', () => {
  for (const whole of [SEVEN_LZMA, SEVEN_AES]) {
    for (let i = 1; i < whole.length; i++) assert.notEqual(judge('a.7z', whole.subarray(0, i)).state, 'clean', `${i}`)
    for (let i = 0; i < whole.length; i++) {
      const changed = Buffer.from(whole)
      changed[i] = (changed[i] ?? 0) ^ 0x10
      if (i !== 6 && i !== 7) assert.notEqual(judge('a.7z', changed).state, 'clean', `${i}`)
    }
  }
})

test('gzip, Zstandard, xz and LZMA in ZIP are unpacked', () => {
  assert.equal(
    said(judge('a.zip.gz', gzipSync(ENCRYPTED_ZIP))),
    'encrypted a.zip.gz > a.zip > secret.txt: traditional encryption',
  )
  assert.equal(judge('a.zst', zstdCompressSync(ENCRYPTED_ZIP)).state, 'encrypted')
  assert.equal(said(judge('a.zip.xz', XZ)), 'encrypted a.zip.xz > a.zip > a.txt: traditional encryption')
  assert.equal(judge('a.xz', XZ.subarray(0, 60)).state, 'suspicious')
  assert.deepEqual(rulesOf(judge('a.zip', LZMA_ZIP)), ['script'])
  assert.equal(judge('a.gz', gzipSync(ENCRYPTED_ZIP).subarray(0, -9)).state, 'suspicious')
})

test('members of a tar archive are read, and an end that is missing is seen', () => {
  const archive = tarOf([
    { name: 'a.txt', data: Buffer.from('text') },
    { name: 'b.zip', data: ENCRYPTED_ZIP },
  ])
  assert.equal(said(judge('a.tar', archive)), 'encrypted a.tar > b.zip > secret.txt: traditional encryption')
  assert.match(said(judge('a.tgz', gzipSync(archive))), /^encrypted a\.tgz > a\.tar > b\.zip/u)
  const folder = tarOf([{ name: 'd/', data: Buffer.alloc(0) }])
  folder.write('00000000377', 124)
  folder.write('5', 156)
  const signed = Buffer.from(folder)
  const sum = (add: (byte: number) => number): string => {
    signed.write('        ', 148)
    return `${signed
      .subarray(0, 512)
      .reduce((total, byte) => total + add(byte), 0)
      .toString(8)
      .padStart(6, '0')}\0 `
  }
  signed.write('\xe9', 1, 'latin1')
  signed.write(
    sum((byte) => (byte < 128 ? byte : byte - 256)),
    148,
  )
  assert.equal(judge('a.tar', signed).state, 'clean')
  const harmless = tarOf([{ name: 'a.txt', data: Buffer.from('text') }])
  assert.equal(judge('a.tar', harmless).state, 'clean')
  assert.equal(judge('a.tar', harmless.subarray(0, 1024)).state, 'suspicious')
  assert.equal(judge('a.tar', harmless.subarray(0, 700)).state, 'suspicious')
})

test('RAR 4 files that are stored are looked into, packed ones are listed as unread', () => {
  const block = (type: number, flags: number, fields: Buffer, data: Buffer = Buffer.alloc(0)): Buffer => {
    const head = Buffer.alloc(7)
    head.writeUInt8(type, 2)
    head.writeUInt16LE(flags, 3)
    head.writeUInt16LE(7 + fields.length, 5)
    const header = Buffer.concat([head, fields])
    header.writeUInt16LE(crc32(header.subarray(2)) & 0xffff)
    return Buffer.concat([header, data])
  }
  const file = (name: string, data: Buffer, method: number, flags = 0): Buffer => {
    const fields = Buffer.alloc(25)
    fields.writeUInt32LE(data.length, 0)
    fields.writeUInt32LE(data.length, 4)
    fields.writeUInt8(29, 17)
    fields.writeUInt8(method, 18)
    fields.writeUInt16LE(name.length, 19)
    return block(0x74, 0x8000 | flags, Buffer.concat([fields, Buffer.from(name)]), data)
  }
  const rar = (...files: Buffer[]): Buffer =>
    Buffer.concat([
      Buffer.from('526172211a0700', 'hex'),
      block(0x73, 0, Buffer.alloc(6)),
      ...files,
      block(0x7b, 0x4000, Buffer.alloc(0)),
    ])
  assert.equal(
    said(judge('a.rar', rar(file('a.zip', ENCRYPTED_ZIP, 0x30)))),
    'encrypted a.rar > a.zip > secret.txt: traditional encryption',
  )
  const packed = judge('a.rar', rar(file('a.exe', ENCRYPTED_ZIP, 0x33)))
  assert.equal(packed.state, 'clean')
  assert.equal(packed.unread.length, 1)
  assert.deepEqual(rulesOf(packed), ['extension'])
  assert.equal(
    said(judge('a.rar', rar(file('a.txt', ENCRYPTED_ZIP, 0x30, 4)))),
    'encrypted a.rar > a.txt: RAR password',
  )
  assert.match(said(judge('a.rar', rar(file('a.txt', Buffer.from('x'), 0x30, 2)))), /one volume of several/u)
  const whole = rar(file('a.txt', Buffer.from('text'), 0x30))
  assert.equal(judge('a.rar', whole).state, 'clean')
  for (let i = 1; i < whole.length; i++) assert.equal(judge('a.rar', whole.subarray(0, i)).state, 'suspicious', `${i}`)
})

test('the verdict says for the sender which file, why and what to do', () => {
  const { reason } = judge('caf\u00e9.zip', zipOf([{ name: 'x.txt', flags: 1 }]))
  assert.equal(
    reason,
    'The attachment "cafe.zip > x.txt" is encrypted (ZIP archive: traditional encryption), so it cannot be checked for viruses. ' +
      'Send it again without a password, or ask the recipient for another way to hand it over.',
  )
  assert.equal(judge('a.zip', zipOf([])).reason, null)
})
