import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createBudget } from '../../../../src/inspect/attachments/budget.ts'
import { DEFAULT_OPTIONS, inspectPart } from '../../../../src/inspect/attachments/inspect.ts'
import { ENCRYPTED_ZIP, judge, tarOf, zipOf } from './fixtures.ts'

/** How files of each format begin. */
const HEADS = [
  'PK\x03\x04\x14\0\0\0\x08\0',
  'PK\x05\x06',
  "7z\xbc\xaf'\x1c\0\x04",
  'Rar!\x1a\x07\0',
  'Rar!\x1a\x07\x01\0',
  `\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1${'\0'.repeat(18)}\x3e\0\x03\0\xfe\xff\x09\0\x06\0`,
  '%PDF-1.7\ntrailer<</Root 1 0 R/Encrypt<</Filter/Standard/R 6/U(',
  '%PDF-1.7\n1 0 obj<</Type/XRef/Encrypt 5 0 R/ID[(',
  '\x1f\x8b\x08\0\0\0\0\0\0\x03',
  '\xfd7zXZ\0\0\x04',
  '\x28\xb5\x2f\xfd',
  '\0\x01\0\0Standard ACE DB\0\x02',
  'x\x9f>"\x01\0\x02\x02\x90\x06\0',
  '0\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x80',
  '\x09\x04\x06\0\0\0\x10\0\0\0',
  'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n',
  '-----BEGIN PGP MESSAGE-----\n\n',
  'begin 644 a.zip\n',
  '\x85\x01\x0c\x03',
].map((head) => Buffer.from(head, 'latin1'))

test('no bytes behind the beginning of a format crash, and the verdict is always the same', () => {
  const behind = fc.uint8Array({ maxLength: 600 })
  fc.assert(
    fc.property(
      fc.constantFrom(...HEADS),
      behind,
      fc.constantFrom('a.zip', 'a.doc', 'a.eml', null),
      (head, rest, name) => {
        const bytes = Buffer.concat([head, rest])
        assert.deepEqual(judge(name, bytes), judge(name, bytes))
      },
    ),
    { numRuns: 1500, seed: 3 },
  )
})

test('pieces of formats put together in any order crash nothing', () => {
  const pieces = [
    ...HEADS,
    ENCRYPTED_ZIP,
    zipOf([{ name: 'a.txt', method: 8 }]),
    tarOf([{ name: 'a', data: ENCRYPTED_ZIP }]),
  ]
  const any = fc.array(fc.oneof(fc.constantFrom(...pieces), fc.uint8Array({ maxLength: 40 })), {
    minLength: 1,
    maxLength: 6,
  })
  fc.assert(
    fc.property(any, (parts) => {
      judge('a.bin', Buffer.concat(parts))
    }),
    { numRuns: 1500, seed: 4 },
  )
})

const HEADER =
  'MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n'

test('an encrypted archive stays encrypted inside every container, or is suspicious', () => {
  const wraps: ((bytes: Buffer) => [string, Buffer])[] = [
    (bytes) => ['a.zip', zipOf([{ name: 'in.bin', data: bytes, method: 8 }])],
    (bytes) => ['a.tar', tarOf([{ name: 'in.bin', data: bytes }])],
    (bytes) => ['a.eml', Buffer.from(`${HEADER}${bytes.toString('base64')}`)],
  ]
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...wraps), { maxLength: 9 }), (chosen) => {
      let file: [string, Buffer] = ['in.zip', ENCRYPTED_ZIP]
      for (const wrap of chosen) file = wrap(file[1])
      const { state } = judge(...file)
      assert.equal(state, chosen.length < 8 ? 'encrypted' : 'suspicious')
    }),
    { numRuns: 200, seed: 5 },
  )
})

/** Files that cost a lot to read for their size. */
const COSTLY: Readonly<Record<string, Buffer>> = {
  'a.pdf': Buffer.concat([
    Buffer.from('%PDF-1.4\n'),
    Buffer.alloc(3_000_000, 'trailer<</Root 1 0 R/Encrypt 5 0 R/ID 6 0 R>>'),
  ]),
  'a.txt': Buffer.alloc(3_000_000, 'begin 644 a\n!!!!!!\n'),
  'b.txt': Buffer.alloc(3_000_000, '-----BEGIN PGP MESSAGE-----\nAAAABBBBCCCCDDDDEEEEFFFF\n'),
  'a.eml': Buffer.concat([
    Buffer.from('Content-Type: multipart/mixed; boundary=b\n\n'),
    Buffer.alloc(3_000_000, '\n--b\n\nx'),
  ]),
  'a.p7m': Buffer.concat([
    Buffer.from('308006092a864886f70d010702a0803080', 'hex'),
    Buffer.alloc(3_000_000, Buffer.from('0500', 'hex')),
  ]),
  'a.jpg': Buffer.concat([
    Buffer.from('\xff\xd8', 'latin1'),
    Buffer.alloc(3_000_000, Buffer.from('526172211a070100ffffffff8080800100', 'hex')),
  ]),
}

test('a file made to be costly ends when its work is used up, and is not clean', () => {
  const options = { ...DEFAULT_OPTIONS, limits: { ...DEFAULT_OPTIONS.limits, maxWork: 20_000_000 } }
  for (const [filename, bytes] of Object.entries(COSTLY)) {
    const budget = createBudget(options.limits)
    const { state } = inspectPart({ filename, declaredType: null, bytes }, options, budget)
    assert.equal(state, 'suspicious', filename)
    assert.ok(budget.workLeft > -130_000_000, `${filename} ${budget.workLeft}`)
  }
})
