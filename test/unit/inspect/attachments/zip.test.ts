import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ENCRYPTED_ZIP, judge, said, type ZipMember, zipOf } from './fixtures.ts'

const one = (member: Partial<ZipMember>): string => said(judge('a.zip', zipOf([{ name: 'x.txt', ...member }])))

test('an archive whose members can all be read is clean', () => {
  const members: ZipMember[] = [
    { name: 'd/', data: '' },
    { name: 'a.txt' },
    { name: 'b.txt', method: 8, described: true },
  ]
  assert.equal(said(judge('a.zip', zipOf(members))), 'clean a.zip')
  assert.equal(said(judge('a.zip', zipOf(members, { wide: true }))), 'clean a.zip')
  assert.equal(said(judge('a.zip', zipOf([]))), 'clean a.zip')
})

test('encryption is found in the central directory and in the local header, each alone', () => {
  assert.equal(one({ flags: 1 }), 'encrypted a.zip > x.txt: traditional encryption')
  assert.equal(one({ centralFlags: 1 }), 'encrypted a.zip > x.txt: traditional encryption')
  assert.equal(one({ localFlags: 1 }), 'encrypted a.zip > x.txt: traditional encryption')
})

test('AES, strong encryption and masked headers are told apart', () => {
  const aes = Buffer.from('0199070002004145030800', 'hex')
  assert.equal(one({ flags: 1, extra: aes }), 'encrypted a.zip > x.txt: AES-256')
  assert.equal(one({ flags: 0x41 }), 'encrypted a.zip > x.txt: strong encryption')
  assert.equal(one({ flags: 0x2000 }), 'encrypted a.zip > x.txt: encrypted headers')
})

test('what the directory does not list is found, and its encryption too', () => {
  const hidden: ZipMember = { name: 'hidden.txt', unlisted: true }
  const around: ZipMember = { name: 'a.txt' }
  assert.equal(
    said(judge('a.zip', zipOf([hidden, around]))),
    'suspicious a.zip > hidden.txt: the directory does not list it',
  )
  assert.equal(
    said(judge('a.zip', zipOf([around, hidden]))),
    'suspicious a.zip > hidden.txt: the directory does not list it',
  )
  assert.equal(judge('a.zip', zipOf([around, { ...hidden, flags: 1 }])).state, 'encrypted')
})

test('the contents of a hidden member are looked into', () => {
  const verdict = judge('a.zip', zipOf([{ name: 'a.txt' }, { name: 'in.zip', data: ENCRYPTED_ZIP, unlisted: true }]))
  assert.equal(said(verdict), 'encrypted a.zip > in.zip > secret.txt: traditional encryption')
})

test('headers that contradict each other, a wrong checksum and overlapping members are suspicious', () => {
  assert.equal(one({ localName: 'y.txt' }), 'suspicious a.zip > x.txt: its two headers contradict each other')
  assert.equal(one({ crc: 1 }), 'suspicious a.zip > x.txt: its content is not what the directory says')
  const twice = zipOf([{ name: 'a.txt' }, { name: 'b.txt', unlisted: true }])
  const overlapping = Buffer.from(zipOf([{ name: 'a.txt' }, { name: 'a.txt' }]))
  overlapping.writeUInt32LE(0, overlapping.lastIndexOf('PK\x01\x02') + 42)
  assert.equal(judge('a.zip', overlapping).state, 'suspicious')
  assert.equal(judge('a.zip', twice).state, 'suspicious')
})

test('an archive is found behind a program or a picture', () => {
  const stub = Buffer.concat([Buffer.from('\xff\xd8\xff\xe0 picture', 'latin1'), Buffer.alloc(500, 7)])
  const behind = zipOf([{ name: 'secret.txt', flags: 1 }], { stub })
  assert.equal(
    said(judge('a.jpg', behind)),
    'encrypted a.jpg > ZIP archive inside > secret.txt: traditional encryption',
  )
  const adjusted = Buffer.concat([stub, ENCRYPTED_ZIP])
  assert.equal(judge('a.jpg', adjusted).state, 'encrypted')
  assert.equal(judge('a.jpg', stub).state, 'clean')
})

test('no truncation of an archive is clean', () => {
  for (const whole of [ENCRYPTED_ZIP, zipOf([{ name: 'a.txt', method: 8 }, { name: 'b.txt' }])]) {
    for (let length = 1; length < whole.length; length++) {
      assert.notEqual(judge('a.zip', whole.subarray(0, length)).state, 'clean', `${length}`)
    }
  }
})

test('one volume of several is suspicious', () => {
  const volume = zipOf([{ name: 'a.txt' }])
  volume.writeUInt16LE(1, volume.length - 22 + 4)
  assert.equal(said(judge('a.zip', volume)), 'suspicious a.zip: one volume of several')
})

test('a member packed by a method that is not read here is listed as unread', () => {
  const archive = zipOf([{ name: 'a.txt' }])
  archive.writeUInt16LE(12, 8)
  archive.writeUInt16LE(12, archive.lastIndexOf('PK\x01\x02') + 10)
  const verdict = judge('a.zip', archive)
  assert.equal(verdict.state, 'clean')
  assert.deepEqual(
    verdict.unread.map(({ path, facts }) => [path, ...facts]),
    [['a.zip > a.txt', 'packed by method 12']],
  )
})

test('passwords of OpenDocument, iWork and books are found in the package', () => {
  const manifest = '<manifest:file-entry><manifest:encryption-data/></manifest:file-entry>'
  const odf = zipOf([{ name: 'mimetype' }, { name: 'content.xml' }, { name: 'META-INF/manifest.xml', data: manifest }])
  assert.equal(judge('a.odt', odf).state, 'encrypted')
  const wide = Buffer.from(`\ufeff${manifest}`, 'utf16le')
  assert.equal(judge('a.odt', zipOf([{ name: 'META-INF/manifest.xml', data: wide }])).state, 'encrypted')
  const iwork = zipOf([{ name: 'Index/Document.iwa' }, { name: '.iwpv2' }, { name: '.iwph' }])
  assert.equal(said(judge('a.pages', iwork)), 'encrypted a.pages: iWork password')
  const book = (algorithm: string): string =>
    judge(
      'a.epub',
      zipOf([{ name: 'META-INF/encryption.xml', data: `<enc:EncryptionMethod Algorithm="${algorithm}"/>` }]),
    ).state
  assert.equal(book('http://www.idpf.org/2008/embedding'), 'clean')
  assert.equal(book('http://www.w3.org/2001/04/xmlenc#aes256-cbc'), 'encrypted')
})
