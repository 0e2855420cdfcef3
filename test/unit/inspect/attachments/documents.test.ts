import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { rc4 } from '../../../../src/inspect/attachments/codec/rc4.ts'
import { xorVerifier } from '../../../../src/inspect/attachments/formats/office-binary.ts'
import { ENCRYPTED_ZIP, judge, said } from './fixtures.ts'

/** Encryption dictionaries as qpdf 11 writes them with an owner's password only, with the ID of the file. */
const OWNER_ONLY: Readonly<Record<string, readonly [string, string]>> = {
  R2: [
    '/Filter /Standard /Length 40 /O <d8a81f2f756b03f0e776376607dc67c098531ac3e51f6e5cf0fc1473b1ce0975> /P -4 /R 2 /U <09a52354f5ac1fbcb57bd35898bbd4d9e27b5ea24ff3a1d4f1a0c1765c157853> /V 1',
    '449ab061b13d641c28464032b0254633',
  ],
  R3: [
    '/Filter /Standard /Length 128 /O <77b8fb098022d3ab34237ea5643c08710ea5123fc5f88bf993a68cca5f12b40f> /P -4 /R 3 /U <4ed3503158e78b9cf96ee9184bfe50360122456a91bae5134273a6db134c87c4> /V 2',
    'f9a8c97a5d46c72cb674a5076ac03b33',
  ],
  R4: [
    '/CF << /StdCF << /AuthEvent /DocOpen /CFM /AESV2 /Length 16 >> >> /EncryptMetadata false /Filter /Standard /Length 128 /O <77b8fb098022d3ab34237ea5643c08710ea5123fc5f88bf993a68cca5f12b40f> /P -4 /R 4 /StmF /StdCF /StrF /StdCF /U <fd73867e82c35b6ef1934176d04dc5cd0122456a91bae5134273a6db134c87c4> /V 4',
    '9315392395f3f0943eaa9d13177953fb',
  ],
  R5: [
    '/Filter /Standard /Length 256 /R 5 /U <2f7b623c1b16187eb04ef5c113698df74dc4c4908609ee8896c22fb0acda363d2adc63853d9e20274dd4e0966e744d95> /V 5',
    '5a84eefe627114ab3276d81a2aadb9e4',
  ],
  R6: [
    '/Filter /Standard /Length 256 /R 6 /U <d4f741640c53e1d26aa249a4b00a97536e00564cc739daf63aaf79e18a3f9155883159c595a160fd808f8555b60656c5> /V 5',
    'fa70f0636917360b0e2ec294ac4b54d8',
  ],
}

const pdfOf = (trailer: string, objects = ''): string =>
  `%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\n${objects}\ntrailer\n<</Root 1 0 R /Size 9 ${trailer}>>\nstartxref\n0\n%%EOF\n`

test('an empty user password opens a PDF of every revision', () => {
  for (const [revision, [dictionary, id]] of Object.entries(OWNER_ONLY)) {
    const direct = pdfOf(`/ID[<${id}><${id}>] /Encrypt <<${dictionary}>>`)
    assert.equal(said(judge('a.pdf', direct)), 'readable a.pdf: owner password only', revision)
    const indirect = pdfOf(`/ID[<${id}><${id}>] /E#6ecrypt 5 0 R`, `5 0 obj <<${dictionary}>> endobj`)
    assert.equal(judge('a.pdf', indirect).state, 'readable', revision)
  }
})

test('a PDF that it does not open is encrypted', () => {
  for (const [revision, [dictionary, id]] of Object.entries(OWNER_ONLY)) {
    const other = dictionary.replace('/U <', '/U <0')
    assert.equal(
      said(judge('a.pdf', pdfOf(`/ID[<${id}><${id}>] /Encrypt <<${other}>>`))),
      'encrypted a.pdf: user password',
      revision,
    )
  }
  assert.equal(
    said(judge('a.pdf', pdfOf('/Encrypt <</Filter /Adobe.PubSec>>'))),
    'encrypted a.pdf: security handler Adobe.PubSec',
  )
  assert.equal(judge('a.pdf', pdfOf('/Encrypt 77 0 R')).state, 'encrypted')
  assert.equal(judge('a.pdf', pdfOf('/Encrypt null')).state, 'clean')
})

test('a later revision of a PDF hides no earlier one', () => {
  const [dictionary, id] = OWNER_ONLY.R3 ?? ['', '']
  const other = dictionary.replace('/U <', '/U <0')
  const both = `${pdfOf(`/ID[<${id}><${id}>] /Encrypt <<${other}>>`)}${pdfOf('')}`
  assert.equal(judge('a.pdf', both).state, 'encrypted')
})

test('a PDF without an end or without cross-references is suspicious', () => {
  const whole = pdfOf('')
  assert.equal(judge('a.pdf', whole).state, 'clean')
  assert.equal(judge('a.pdf', whole.slice(0, whole.indexOf('%%EOF'))).state, 'suspicious')
  assert.equal(judge('a.pdf', whole.slice(0, whole.indexOf('trailer'))).state, 'suspicious')
  assert.equal(judge('a.pdf', 'nothing of the kind').state, 'suspicious')
})

test('files embedded in a PDF are looked into', () => {
  const packed = deflateSync(ENCRYPTED_ZIP)
  const objects = Buffer.concat([
    Buffer.from(`5 0 obj <</Type/EmbeddedFile/Filter/FlateDecode/Length ${packed.length}>>\nstream\n`),
    packed,
    Buffer.from('\nendstream endobj'),
  ]).toString('latin1')
  const verdict = judge('a.pdf', Buffer.from(pdfOf('', objects), 'latin1'))
  assert.equal(said(verdict), 'encrypted a.pdf > embedded file 1 > secret.txt: traditional encryption')
})

/** A bare workbook of Excel 4 with a FILEPASS record. */
function workbook(verifier: number | null): Buffer {
  const pass = Buffer.from('2f0004000000', 'hex')
  const stored = Buffer.alloc(2)
  stored.writeUInt16LE(verifier ?? 0)
  const records = verifier === null ? [] : [pass, stored]
  return Buffer.concat([
    Buffer.from('090406000000100000000000'.slice(0, 20), 'hex'),
    ...records,
    Buffer.from('0a000000', 'hex'),
  ])
}

test('an obfuscated workbook is readable with the default password alone', () => {
  assert.equal(judge('a.xls', workbook(null)).state, 'clean')
  assert.equal(judge('a.xls', workbook(xorVerifier('VelvetSweatshop'))).state, 'readable')
  assert.equal(said(judge('a.xls', workbook(xorVerifier('other')))), 'encrypted a.xls: Excel password (XOR)')
})

/** The first page of a Jet 4 database, and one more. */
function database(password: string, pageKey: number): Buffer {
  const pages = Buffer.alloc(8192)
  pages.write('\0\x01\0\0Standard Jet DB\0\x01', 'latin1')
  const date = 37_000.5
  pages.writeDoubleLE(date, 0x72)
  pages.writeUInt32LE(pageKey, 0x3e)
  const mask = Buffer.alloc(4)
  mask.writeInt32LE(Math.trunc(date))
  const stored = Buffer.alloc(40)
  stored.write(password, 'utf16le')
  for (const [i, byte] of stored.entries()) pages[0x42 + i] = byte ^ (mask[i % 4] ?? 0)
  rc4(Buffer.from('c7da396b', 'hex'), pages.subarray(0x18, 0x98)).copy(pages, 0x18)
  return pages
}

test('a database is judged by its password and by its encoded pages', () => {
  assert.equal(judge('a.mdb', database('', 0)).state, 'clean')
  assert.equal(said(judge('a.mdb', database('', 7))), 'readable a.mdb: encoded pages, no password')
  assert.equal(said(judge('a.mdb', database('pass', 7))), 'encrypted a.mdb: Access password')
  assert.equal(judge('a.mdb', database('pass', 0)).state, 'encrypted')
  assert.equal(judge('a.mdb', database('', 0).subarray(0, 8000)).state, 'suspicious')
})

test('a file that is not what its name or type promises is suspicious, unless text is common under it', () => {
  for (const name of ['a.zip', 'a.docx', 'a.rar', 'a.odt', 'a.pages', 'a.accdb']) {
    assert.match(said(judge(name, 'something else, long enough to tell')), /^suspicious .* promises$/u)
  }
  assert.equal(judge('a.bin', 'PK', { type: 'application/zip' }).state, 'suspicious')
  assert.equal(judge('a.doc', '<html>written by a web application</html>').state, 'clean')
  assert.equal(judge('a.xls', Buffer.from('d0cf', 'hex')).state, 'suspicious')
  assert.equal(judge('a.pdf', '').state, 'clean')
})
