import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { ENCRYPTED_ZIP, judge, rulesOf, said } from './fixtures.ts'

/** Streams by their path; storages come by themselves. */
type Streams = Readonly<Record<string, Buffer>>

interface Node {
  readonly name: string
  readonly data: Buffer | null
  readonly children: Node[]
}

const FREE = 0xffffffff
const LAST = 0xfffffffe

/** A compound file with sectors of 512 bytes, each stream filled up to 4096 bytes so that none is a small one. */
function oleOf(streams: Streams, clsid = Buffer.alloc(16)): Buffer {
  const root: Node = { name: 'Root Entry', data: null, children: [] }
  for (const [path, data] of Object.entries(streams)) {
    let parent = root
    const names = path.split('/')
    for (const name of names.slice(0, -1)) {
      const found = parent.children.find((child) => child.name === name)
      const next = found ?? { name, data: null, children: [] }
      if (found === undefined) parent.children.push(next)
      parent = next
    }
    parent.children.push({
      name: names.at(-1) ?? '',
      data: Buffer.concat([data, Buffer.alloc(Math.max(0, 4096 - data.length))]),
      children: [],
    })
  }
  return assemble(flatten(root), clsid)
}

function flatten(root: Node): Node[] {
  const all = [root]
  for (const node of all) all.push(...node.children)
  return all
}

function assemble(nodes: readonly Node[], clsid: Buffer): Buffer {
  const directorySectors = Math.ceil(nodes.length / 4)
  const fat: number[] = [0xfffffffd]
  const chain = (count: number): number => {
    const first = fat.length
    for (let i = 1; i <= count; i++) fat.push(i === count ? LAST : first + i)
    return first
  }
  const directoryAt = chain(directorySectors)
  const directory = Buffer.alloc(directorySectors * 512)
  const contents: Buffer[] = []
  for (const [i, node] of nodes.entries()) {
    const entry = directory.subarray(i * 128, i * 128 + 128)
    entry.write(node.name, 'utf16le')
    entry.writeUInt16LE(node.name.length * 2 + 2, 64)
    entry.writeUInt8(i === 0 ? 5 : node.data === null ? 1 : 2, 66)
    const siblings = nodes.find(({ children }) => children.includes(node))?.children ?? []
    const next = siblings[siblings.indexOf(node) + 1]
    entry.writeUInt32LE(FREE, 68)
    entry.writeUInt32LE(next === undefined ? FREE : nodes.indexOf(next), 72)
    const [child] = node.children
    entry.writeUInt32LE(child === undefined ? FREE : nodes.indexOf(child), 76)
    if (i === 0) clsid.copy(entry, 80)
    if (node.data === null) continue
    const sectors = Math.ceil(node.data.length / 512)
    entry.writeUInt32LE(chain(sectors), 116)
    entry.writeUInt32LE(node.data.length, 120)
    contents.push(node.data, Buffer.alloc(sectors * 512 - node.data.length))
  }
  assert.ok(fat.length <= 128)
  const table = Buffer.alloc(512, 0xff)
  for (const [i, word] of fat.entries()) table.writeUInt32LE(word, i * 4)
  return Buffer.concat([oleHeader(directoryAt), table, directory, ...contents])
}

function oleHeader(directoryAt: number): Buffer {
  const header = Buffer.alloc(512, 0xff)
  header.fill(0, 0, 76)
  header.write('d0cf11e0a1b11ae1', 'hex')
  header.writeUInt16LE(9, 30)
  header.writeUInt16LE(6, 32)
  header.writeUInt32LE(1, 44)
  header.writeUInt32LE(directoryAt, 48)
  header.writeUInt32LE(4096, 56)
  header.writeUInt32LE(LAST, 60)
  header.writeUInt32LE(LAST, 68)
  header.writeUInt32LE(0, 76)
  return header
}

/** The head of a Word document with these flags. */
function word(flags: number): Buffer {
  const bytes = Buffer.alloc(64)
  bytes.writeUInt16LE(0xa5ec)
  bytes.writeUInt16LE(flags, 10)
  return bytes
}

test('a Word document is judged by the flags at its head', () => {
  assert.equal(said(judge('a.doc', oleOf({ WordDocument: word(0) }))), 'clean a.doc')
  assert.equal(said(judge('a.doc', oleOf({ WordDocument: word(0x8100) }))), 'encrypted a.doc: Word password (XOR)')
  assert.equal(judge('a.doc', oleOf({ WordDocument: word(0x0100) })).state, 'encrypted')
  assert.equal(judge('a.doc', oleOf({ WordDocument: word(0x0100), '0Table': Buffer.alloc(80) })).state, 'encrypted')
})

test('macros and installers are found by what the file holds', () => {
  const macros = oleOf({
    WordDocument: word(0),
    'Macros/VBA/dir': Buffer.from('x'),
    'Macros/VBA/_VBA_PROJECT': Buffer.from('x'),
  })
  assert.deepEqual(rulesOf(judge('a.doc', macros)), ['macro'])
  assert.deepEqual(rulesOf(judge('a.doc', oleOf({ WordDocument: word(0) }))), [])
  const installer = oleOf({ table: Buffer.from('x') }, Buffer.from('84100c0000000000c000000000000046', 'hex'))
  assert.deepEqual(rulesOf(judge('a.bin', installer)), ['installer'])
})

test('sheets of Excel 4 macros are found in the globals of a workbook', () => {
  const record = (type: number, data: Buffer): Buffer => {
    const head = Buffer.alloc(4)
    head.writeUInt16LE(type)
    head.writeUInt16LE(data.length, 2)
    return Buffer.concat([head, data])
  }
  const sheet = (kind: number): Buffer => record(0x85, Buffer.from([0, 0, 0, 0, 2, kind, 1, 0, 0x41]))
  const book = (kind: number): Buffer =>
    oleOf({ Workbook: Buffer.concat([record(0x809, Buffer.alloc(16)), sheet(kind), record(0x0a, Buffer.alloc(0))]) })
  assert.deepEqual(rulesOf(judge('a.xls', book(1))), ['macro'])
  assert.deepEqual(rulesOf(judge('a.xls', book(0))), [])
})

const wide = (text: string): Buffer => Buffer.from(`${text}\0`, 'utf16le')

test('attachments of an Outlook message are found under their names, also of a message in it', () => {
  const attachment = (at: string): Streams => ({
    [`${at}__attach_version1.0_#00000000/__substg1.0_3707001F`]: Buffer.concat([
      wide('long name.zip'),
      Buffer.alloc(4096),
    ]),
    [`${at}__attach_version1.0_#00000000/__substg1.0_37010102`]: ENCRYPTED_ZIP,
  })
  const properties = { '__properties_version1.0': Buffer.alloc(32) }
  const plain = said(judge('m.msg', oleOf({ ...properties, ...attachment('') })))
  assert.equal(plain, 'encrypted m.msg > long name.zip > secret.txt: traditional encryption')
  const nested = attachment('__attach_version1.0_#00000000/__substg1.0_3701000D/')
  assert.equal(judge('m.msg', oleOf({ ...properties, ...nested })).state, 'encrypted')
})

test('files put into a document are found, with their names', () => {
  const text = (value: string): Buffer => Buffer.from(`${value}\0`, 'latin1')
  const length = (value: number): Buffer => {
    const bytes = Buffer.alloc(4)
    bytes.writeUInt32LE(value)
    return bytes
  }
  const temporary = text('C:\\a.zip')
  const parts = [
    length(0),
    Buffer.from([2, 0]),
    text('a.zip'),
    text('C:\\a.zip'),
    Buffer.from([0, 0, 3, 0]),
    length(temporary.length),
    temporary,
  ]
  const native = Buffer.concat([...parts, length(ENCRYPTED_ZIP.length), ENCRYPTED_ZIP])
  const document = oleOf({ WordDocument: word(0), 'ObjectPool/_1/\x01Ole10Native': native })
  assert.equal(said(judge('a.doc', document)), 'encrypted a.doc > a.zip > secret.txt: traditional encryption')
})

test('objects and macros of a presentation are unpacked', () => {
  const inner = deflateSync(oleOf({ 'VBA/dir': Buffer.from('x') }))
  const object = Buffer.alloc(12)
  object.writeUInt16LE(0x10)
  object.writeUInt16LE(0x1011, 2)
  object.writeUInt32LE(inner.length + 4, 4)
  const edit = Buffer.alloc(36)
  edit.writeUInt16LE(0x0ff5, 2)
  edit.writeUInt32LE(0x1c, 4)
  const current = Buffer.alloc(24)
  current.writeUInt32LE(0xe391c05f, 12)
  current.writeUInt32LE(object.length + inner.length, 16)
  const streams = { 'Current User': current, 'PowerPoint Document': Buffer.concat([object, inner, edit]) }
  const verdict = judge('a.ppt', oleOf(streams))
  assert.deepEqual(rulesOf(verdict), ['macro'])
  assert.equal(verdict.state, 'clean')
  current.writeUInt32LE(0xf3d1c4df, 12)
  assert.equal(judge('a.ppt', oleOf(streams)).state, 'encrypted')
})

test('rights management and encryption of other kinds count as encrypted', () => {
  const rights = oleOf({ WordDocument: word(0), '\x09DRMContent': Buffer.from('x') })
  assert.equal(said(judge('a.doc', rights)), 'encrypted a.doc: rights management (IRM)')
  const unknown = oleOf({ EncryptedPackage: Buffer.from('x'), EncryptionInfo: Buffer.from('0300030000000000', 'hex') })
  assert.equal(said(judge('a.docx', unknown)), 'encrypted a.docx: Office password (extensible encryption)')
  assert.equal(judge('a.docx', oleOf({ EncryptedPackage: Buffer.from('x') })).state, 'encrypted')
})

test('a compound file whose sectors run in a circle or out of the file is suspicious', () => {
  const circle = oleOf({ WordDocument: word(0) })
  circle.writeUInt32LE(1, 512 + 4)
  assert.match(said(judge('a.doc', circle)), /^suspicious a\.doc: .*circle$/u)
  const whole = oleOf({ WordDocument: word(0), Other: Buffer.alloc(5000, 1) })
  for (let length = 8; length < whole.length - 512; length += 97) {
    assert.equal(judge('a.doc', whole.subarray(0, length)).state, 'suspicious', `${length}`)
  }
})
