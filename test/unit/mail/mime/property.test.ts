import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBody } from '../../../../src/mail/mime/decode.ts'
import { isMultipart, leaves, type Part, walk } from '../../../../src/mail/mime/part.ts'
import { type Mime, readMime } from '../../../../src/mail/mime/reader.ts'
import { kinds, outline, plain, readInPieces } from './helpers.ts'

/** A message as a tree, to be written and read back. */
type Tree =
  | { readonly is: 'leaf'; readonly type: string; readonly base64: boolean; readonly content: string }
  | { readonly is: 'multipart'; readonly subtype: string; readonly parts: readonly Tree[] }
  | { readonly is: 'message'; readonly inner: Tree }

const leaf = fc.record({
  is: fc.constant('leaf' as const),
  type: fc.constantFrom('text/plain', 'text/html', 'application/pdf'),
  base64: fc.boolean(),
  content: fc
    .array(fc.constantFrom('a', '-', '--', '\r\n', '\r\n--', 'b1', ' ', '--\r\n'))
    .map((each) => each.join('')),
})

const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    leaf,
    {
      weight: 4,
      arbitrary: fc.record({
        is: fc.constant('multipart' as const),
        subtype: fc.constantFrom('mixed', 'alternative', 'related', 'mixed'),
        parts: fc.array(tie('tree'), { minLength: 1, maxLength: 4 }),
      }),
    },
    fc.record({ is: fc.constant('message' as const), inner: tie('tree') }),
  ),
}))

let counter = 0

function written(node: Tree): string {
  if (node.is === 'message') return `Content-Type: message/rfc822\r\n\r\nSubject: x\r\n${written(node.inner)}`
  if (node.is === 'leaf') {
    const body = node.base64 ? Buffer.from(node.content).toString('base64') : node.content
    const encoding = node.base64 ? 'base64' : '7bit'
    return `Content-Type: ${node.type}\r\nContent-Transfer-Encoding: ${encoding}\r\n\r\n${body}`
  }
  const boundary = `=_${counter++}_`
  const parts = node.parts.map((part) => `--${boundary}\r\n${written(part)}\r\n`).join('')
  return `Content-Type: multipart/${node.subtype};\r\n boundary="${boundary}"\r\n\r\n${parts}--${boundary}--\r\n`
}

function expectedOutline(node: Tree, path = '1'): string[] {
  if (node.is === 'leaf') return [`${path} ${node.type}`]
  if (node.is === 'message') return [`${path} message/rfc822`, ...expectedOutline(node.inner, `${path}.1`)]
  const children = node.parts.flatMap((part, i) => expectedOutline(part, `${path}.${i + 1}`))
  return [`${path} multipart/${node.subtype}`, ...children]
}

const contents = (node: Tree): string[] =>
  node.is === 'leaf' ? [node.content] : node.is === 'message' ? contents(node.inner) : node.parts.flatMap(contents)

test('what was written as a tree is read as that tree', () => {
  const property = fc.property(tree, (node) => {
    const bytes = Buffer.from(`Subject: x\r\n${written(node)}`)
    const mime = readMime(bytes)
    assert.deepEqual(kinds(mime), [])
    assert.deepEqual(outline(mime), expectedOutline(node))
    const found = [...leaves(mime.root)].map((part) => decodeBody(bytes, part, 100_000).bytes.toString())
    assert.deepEqual(found, contents(node))
  })
  fc.assert(property, { numRuns: 300 })
})

/** Parts lie within their parents, one after the other. */
function checkOffsets({ root, size }: Mime): void {
  assert.ok(root.headerStart === 0 && root.bodyEnd === size)
  for (const part of walk(root)) {
    assert.ok(part.headerStart <= part.bodyStart && part.bodyStart <= part.bodyEnd, part.path)
    checkChildren(part)
  }
}

function checkChildren(part: Part): void {
  let from = part.bodyStart
  for (const child of part.children) {
    assert.ok(child.headerStart >= from && child.bodyEnd <= part.bodyEnd, child.path)
    from = child.bodyEnd
  }
  if (part.children.length > 0) assert.ok(isMultipart(part) || part.type.type === 'message')
}

const damaged = fc
  .tuple(tree, fc.array(fc.tuple(fc.nat(100_000), fc.nat(255)), { maxLength: 6 }), fc.nat(100_000), fc.nat(3))
  .map(([node, flips, cut, how]) => {
    const bytes = Buffer.from(`Subject: x\r\n${written(node)}`)
    for (const [at, value] of flips) bytes[at % bytes.length] = value
    return how === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
  })

test('damaged messages are read without a throw, in pieces as in one, and offsets stay in order', () => {
  const property = fc.property(damaged, fc.integer({ min: 1, max: 50 }), (bytes, size) => {
    const mime = readMime(bytes)
    checkOffsets(mime)
    assert.deepEqual(plain(readInPieces(bytes, size)), plain(mime))
  })
  fc.assert(property, { numRuns: 500 })
})

test('any lines of a mail, in any order, are read without a throw', () => {
  const lines = fc.constantFrom(
    'Content-Type: multipart/mixed; boundary=b',
    'Content-Type: multipart/mixed; boundary=bb',
    'Content-Type: message/rfc822',
    'Content-Transfer-Encoding: base64',
    ' folded',
    '',
    '',
    '--b',
    '--b--',
    '--bb',
    '--bb--',
    '--b ',
    '--',
    'text',
    '-',
  )
  const property = fc.property(
    fc.array(lines, { maxLength: 40 }),
    fc.constantFrom('\r\n', '\n'),
    fc.integer({ min: 1, max: 20 }),
    (chosen, end, size) => {
      const bytes = Buffer.from(chosen.join(end))
      const mime = readMime(bytes)
      checkOffsets(mime)
      assert.deepEqual(plain(readInPieces(bytes, size)), plain(mime))
    },
  )
  fc.assert(property, { numRuns: 1000 })
})
