import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { memoryContent } from '../../../../../src/mail/content.ts'
import { decodeText } from '../../../../../src/mail/mime/charset.ts'
import { decodeBody } from '../../../../../src/mail/mime/decode.ts'
import { type Addition, asReferences, makeAddition } from '../../../../../src/mail/mime/insert/addition.ts'
import { bodiesOf } from '../../../../../src/mail/mime/insert/bodies.ts'
import { insertText } from '../../../../../src/mail/mime/insert/insert.ts'
import { leaves, type Part } from '../../../../../src/mail/mime/part.ts'
import { readMime } from '../../../../../src/mail/mime/reader.ts'
import { OPTIONS, put, rawOf } from './helpers.ts'

interface Leaf {
  readonly is: 'leaf'
  readonly type: string
  readonly charset: string | null
  readonly encoding: '7bit' | '8bit' | 'quoted-printable' | 'base64' | null
  readonly attached: boolean
  readonly content: Buffer
  /** How an encoder that likes variety writes it. */
  readonly seed: number
}
type Tree =
  | Leaf
  | { readonly is: 'multipart'; readonly subtype: string; readonly parts: readonly Tree[] }
  | { readonly is: 'message'; readonly inner: Tree }

/** Bytes that the character set has besides ASCII. */
const HIGH: Readonly<Record<string, readonly string[]>> = {
  'utf-8': ['\xc3\xa9', '\xe2\x82\xac'],
  'iso-8859-1': ['\xe9', '\xdf'],
  'Windows-1252': ['\xe9', '\x80'],
  'koi8-r': ['\xc1'],
  'us-ascii': [],
  'x-unknown': ['\xe9'],
}

const words = ['a', 'B', ' ', '  ', '\t', '=', '.', '\r\n', '\r\n\r\n', '--', '-- \r\n', 'From x', '>']
const tags = ['<html>', '<body bgcolor="x>y">', '<p>', '</p>', '</body>', '</html>', '<!-- </body> -->', '<br>']

const leaf: fc.Arbitrary<Leaf> = fc
  .record({
    type: fc.constantFrom('text/plain', 'text/html', 'application/pdf'),
    charset: fc.constantFrom(null, ...Object.keys(HIGH)),
    encoding: fc.constantFrom(null, '7bit', '8bit', 'quoted-printable', 'base64'),
    attached: fc.integer({ min: 0, max: 3 }).map((n) => n === 0),
    picks: fc.array(fc.nat(1000), { maxLength: 25 }),
    seed: fc.nat(1000),
  })
  .map(({ picks, ...rest }) => {
    const is8bit = rest.encoding !== null && rest.encoding !== '7bit'
    const high = is8bit && rest.charset !== null ? (HIGH[rest.charset] ?? []) : []
    const choice = [...words, ...(rest.type === 'text/html' ? tags : []), ...high]
    const content = picks.map((pick) => choice[pick % choice.length]).join('')
    return { is: 'leaf', ...rest, content: Buffer.from(content, 'latin1') }
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

function encoded({ content, encoding, seed }: Leaf): string {
  const text = content.toString('latin1')
  if (encoding === 'base64') {
    const width = [76, 60, 4, 1000][seed % 4]
    const lines = content.toString('base64').replace(new RegExp(`.{${width}}`, 'g'), '$&\r\n')
    return seed % 3 === 0 ? lines.trimEnd() : lines
  }
  if (encoding !== 'quoted-printable') return text
  let n = seed
  return text.replace(/\r\n|[\s\S]/g, (char) => {
    n = (n * 31 + 7) % 1009
    const soft = n % 5 === 0 ? '=\r\n' : ''
    if (char === '\r\n') return n % 7 === 0 ? '=0D=0A=\r\n' : '\r\n'
    const must = char === '=' || char > '~' || char === ' ' || char === '\t'
    const code = char.charCodeAt(0).toString(16).padStart(2, '0')
    return (must || n % 3 === 0 ? `=${n % 2 === 0 ? code.toUpperCase() : code}` : char) + soft
  })
}

let counter = 0

function written(node: Tree): string {
  if (node.is === 'message') return `Content-Type: message/rfc822\r\n\r\nSubject: x\r\n${written(node.inner)}`
  if (node.is === 'leaf') {
    const charset = node.charset === null ? '' : `; charset="${node.charset}"`
    const encoding = node.encoding === null ? '' : `Content-Transfer-Encoding: ${node.encoding}\r\n`
    const name = node.attached ? 'Content-Disposition: attachment; filename=x.txt\r\n' : ''
    return `Content-Type: ${node.type}${charset}\r\n${encoding}${name}\r\n${encoded(node)}`
  }
  const boundary = `=_${counter++}_`
  const parts = node.parts.map((part) => `--${boundary}\r\n${written(part)}\r\n`).join('')
  return `Content-Type: multipart/${node.subtype};\r\n boundary="${boundary}"\r\n\r\n${parts}--${boundary}--\r\n`
}

const additions: readonly Addition[] = [
  'Strictly confidential, isn’t it',
  'Strictly confidential, é',
  'Strictly confidential text\n\nof lines',
].map((text) => makeAddition(text, null, 'postern-tagline'))

const isOwn = (raw: string): boolean =>
  raw.startsWith(
    'Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nContent-Disposition: inline\r\n\r\nStrictly',
  )

interface Placed {
  readonly part: Part
  readonly raw: string
  readonly content: Buffer
}

const placed = (bytes: Buffer, root: Part): Placed[] =>
  [...leaves(root)].map((part) => ({
    part,
    raw: rawOf(bytes, part),
    content: decodeBody(bytes, part, 1_000_000).bytes,
  }))

/** What was put into a body, which must otherwise be the old one. */
function added(before: Buffer, after: Buffer): Buffer {
  let start = 0
  while (start < before.length && before[start] === after[start]) start++
  let end = 0
  while (end < before.length - start && before.at(-1 - end) === after.at(-1 - end)) end++
  assert.equal(start + end, before.length, 'the old body is there, in one piece or two')
  return after.subarray(start, after.length - end)
}

function checkBody(before: Placed, after: Placed, addition: Addition, place: string): void {
  const { type, charset } = before.part
  if (type.subtype === 'html') {
    const html = after.content.toString('latin1')
    const found = /\r\n<div class="postern-tagline [\s\S]*?<\/div>\r\n/.exec(html)
    assert.ok(found, html)
    assert.equal(html.replace(found[0], ''), before.content.toString('latin1'))
    const inserted = Buffer.from(found[0], 'latin1')
    assert.equal(asReferences(decodeText(inserted, charset).text.trim()), asReferences(addition.html))
    return
  }
  const inserted = added(before.content, after.content)
  assert.equal(decodeText(inserted, charset).text.trim(), addition.text)
  const atEnd =
    place === 'bottom'
      ? after.content.subarray(0, before.content.length)
      : after.content.subarray(-before.content.length || after.content.length)
  if (before.content.length > 0) assert.deepEqual(atEnd.toString('latin1'), before.content.toString('latin1'))
}

// Nobody writes a message in more ways than this, and each has to be read
const MOST_FORMS = 6

test('every attachment and every other byte stays, and every body has the text', async () => {
  const property = fc.asyncProperty(
    tree,
    fc.constantFrom(...additions),
    fc.constantFrom('top' as const, 'bottom' as const),
    async (node, addition, place) => {
      const old = Buffer.from(`Subject: x\r\n${written(node)}`, 'latin1')
      const before = readMime(old)
      assert.deepEqual(
        before.anomalies.filter(({ kind }) => kind !== 'charset-unknown'),
        [],
      )
      const found = await put(old, { place }, addition)
      const chosen = new Set(bodiesOf(before.root, place))
      if (!Buffer.isBuffer(found)) {
        assert.equal(found, chosen.size > MOST_FORMS ? 'too-large' : 'no-body')
        assert.ok(chosen.size === 0 || chosen.size > MOST_FORMS, `${chosen.size} bodies`)
        return
      }
      const after = readMime(found)
      assert.deepEqual(
        after.anomalies.filter(({ kind }) => kind !== 'charset-unknown'),
        [],
      )
      const was = placed(old, before.root)
      const all = placed(found, after.root)
      const own = all.filter(({ raw }) => isOwn(raw))
      const is = all.filter(({ raw }) => !isOwn(raw))
      assert.equal(is.length, was.length)
      let unchanged = 0
      for (const [i, each] of was.entries()) {
        const now = is[i]
        assert.ok(now)
        if (chosen.has(each.part) && !each.content.equals(now.content)) checkBody(each, now, addition, place)
        else {
          // a part that has become one of several keeps its MIME fields only, if it was the message
          assert.ok(each.raw === now.raw || each.raw === `Subject: x\r\n${now.raw}`, now.raw)
          if (chosen.has(each.part)) unchanged++
        }
      }
      assert.equal(own.length, unchanged)
      if (own.length === 0) checkRest(old, was, found, is, chosen)
      const again = await insertText(memoryContent(found), addition, { ...OPTIONS, place })
      assert.deepEqual(again, { leftAlone: 'present' })
    },
  )
  await fc.assert(property, { numRuns: 400 })
})

/** Without the bodies that it was put into, both messages are the same bytes. */
function checkRest(old: Buffer, was: Placed[], found: Buffer, is: Placed[], chosen: ReadonlySet<Part>): void {
  const indexes = [...was.keys()].filter((i) => chosen.has((was[i] as Placed).part))
  const rest = (bytes: Buffer, parts: Placed[]): string => {
    let text = ''
    let from = 0
    for (const i of indexes) {
      const { bodyStart, bodyEnd } = (parts[i] as Placed).part
      text += bytes.toString('latin1', from, bodyStart)
      from = bodyEnd
    }
    return text + bytes.toString('latin1', from)
  }
  assert.equal(rest(found, is), rest(old, was))
}

test('damaged messages are left alone, or get it without a throw', async () => {
  const property = fc.asyncProperty(
    tree,
    fc.array(fc.tuple(fc.nat(100_000), fc.nat(255)), { maxLength: 4 }),
    fc.nat(100_000),
    fc.boolean(),
    async (node, flips, cut, cuts) => {
      const whole = Buffer.from(`Subject: x\r\n${written(node)}`, 'latin1')
      for (const [at, value] of flips) whole[at % whole.length] = value
      const bytes = cuts ? whole.subarray(0, cut % whole.length) : whole
      const found = await put(bytes, {}, additions[0])
      if (!Buffer.isBuffer(found)) return
      // nothing is lost: the old bytes are there in their order
      assert.ok(found.length > bytes.length)
      assert.ok(readMime(found).complete)
    },
  )
  await fc.assert(property, { numRuns: 300 })
})
