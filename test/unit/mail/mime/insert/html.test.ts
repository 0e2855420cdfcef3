import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeAddition } from '../../../../../src/mail/mime/insert/addition.ts'
import { bottomOf, scanHtml, topOf } from '../../../../../src/mail/mime/insert/html.ts'
import { contentAt, putInto, TAGLINE } from './helpers.ts'

const BLOCK = `\r\n${TAGLINE.html}\r\n`

/** `|` marks the place. */
const BOTTOMS = [
  '<p>x</p>|',
  '<html><body><p>x</p>|</body></html>',
  '<HTML><BODY>x|</BODY ></HTML>',
  '<body>x|</body\n>',
  '<body>a</body>b|</body></html>',
  '<body>x|</body><!-- </body> --></html>',
  '<body>x|</body><script>"</body>"</script>',
  '<body><!-- </body> -->x|</body>',
  '<body><style></body></style>x|</body>',
  '<body><textarea></body></textarea>x|</body>',
  '<body><a title="</body>">x</a>|</body>',
  "<body><a title = '</body>'>x</a>|</body>",
  '<body><a b"c>x|</body>',
  '<body>1 < 2 </ x >|</body>',
  '<body><!-->x|</body>',
  '<body><!-- a --!>x|</body>',
  '<html>x|</html>',
  '<p>x|<!-- never ends',
  '<p>x|<script>never ends',
  '<p>x|<a href="never ends',
  '<bodyguard>x</bodyguard>|',
  '|',
]

const TOPS = [
  '|<p>x</p>',
  '<html><head></head><body>|x</body></html>',
  '<body class="a>b" bgcolor=red>|x',
  '<BODY>|x<body>y',
  '<!-- <body> --><body>|x',
  '<html><head><title><body></title></head>|x',
  '<!DOCTYPE html>|<p>x',
  '<html>|<p>x<html>',
  '<html><head><meta><style>p{}</style></head>|<p>x</p></head>',
  '|<p>x<!doctype html>',
  '|',
]

test('below is before the last end of the body that is one', () => {
  for (const marked of BOTTOMS) assert.equal(bottomOf(marked.replace('|', '')), marked.indexOf('|'), marked)
})

test('above is after the first beginning of the body that is one', () => {
  for (const marked of TOPS) assert.equal(topOf(marked.replace('|', '')), marked.indexOf('|'), marked)
})

test('it is put into HTML at these places, whatever its encoding', async () => {
  for (const [place, cases] of [
    ['bottom', BOTTOMS],
    ['top', TOPS],
  ] as const) {
    for (const marked of cases) {
      const old = marked.replace('|', '')
      for (const encoding of ['7bit', 'quoted-printable', 'base64', 'quoted']) {
        const header = `Content-Type: text/html\r\nContent-Transfer-Encoding: ${encoding.replace(/quoted$/, 'quoted-printable')}\r\n\r\n`
        const after = await putInto(header + encoded(old, encoding), { place })
        assert.equal(contentAt(after, '1').toString(), marked.replace('|', BLOCK), `${encoding} ${marked}`)
      }
    }
  }
})

function encoded(html: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(html).toString('base64')
  if (encoding === 'quoted-printable') return html.replaceAll('=', '=3D').replaceAll('\n', '=0A')
  // every character quoted, with a soft line break after each
  const all = [...html].map((char) => `=${char.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}=\r\n`)
  return encoding === 'quoted' ? all.join('') : html
}

test('in quoted-printable nothing but the new is written, and white space before it is kept', async () => {
  const header = 'Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
  const before = '<body>x=20 \t'
  const after = await putInto(`${header}${before}</bo=\r\ndy>\r\n`)
  assert.ok(after.text.startsWith(`${header}${before}=\r\n\r\n<div`))
  assert.ok(after.text.endsWith('</div>\r\n</bo=\r\ndy>\r\n'))
  assert.equal(contentAt(after, '1').toString(), `<body>x  \t${BLOCK}</body>\r\n`)
})

test('what the character set lacks is written by its number', async () => {
  const addition = makeAddition('Gŵyr – 😀 é', null, 'postern-tagline')
  for (const [charset, expected] of [
    ['us-ascii', 'G&#373;yr &#8211; &#128512; &#233;'],
    ['iso-8859-1', 'G&#373;yr &#8211; &#128512; é'],
    ['windows-1252', 'G&#373;yr – &#128512; é'],
    ['utf-8', 'Gŵyr – 😀 é'],
  ] as const) {
    const header = `Content-Type: text/html; charset=${charset}\r\nContent-Transfer-Encoding: 8bit\r\n\r\n`
    const after = await putInto(`${header}<p>x</p>`, {}, addition)
    assert.ok(new TextDecoder(charset).decode(contentAt(after, '1')).includes(expected), charset)
  }
})

test('an HTML text of its own is used, and one that would break the message is not', () => {
  const { html } = makeAddition('x', '<p>Own.</p>\n', 'postern-tagline')
  assert.match(html, /^<div class="postern-tagline postern-tagline-[0-9a-f]{12}">\r\n<p>Own\.<\/p>\r\n<\/div>$/)
  for (const bad of ['<!-- open', '<script>', 'x</body>', '<html>x', '<body >x', '<a href="']) {
    assert.throws(() => makeAddition('x', bad, 'postern-tagline'), { name: 'UnfitText' }, bad)
  }
})

test('text becomes HTML that shows it', () => {
  const { html } = makeAddition('a < b & "c"\n\nd  e', null, 'p')
  assert.equal(html.split('\r\n').slice(1, -1).join('\n'), 'a &lt; b &amp; &quot;c&quot;<br>\n<br>\nd &nbsp;e')
})

test('texts that cannot travel are refused', () => {
  for (const bad of ['', ' \n\t\n', 'a\0b', 'a\x1bb', 'x'.repeat(999), 'é'.repeat(500), 'x\n'.repeat(16_385)]) {
    assert.throws(() => makeAddition(bad, null, 'p'), { name: 'UnfitText' }, bad.slice(0, 10))
  }
  assert.equal(makeAddition('x'.repeat(998), 'x', 'p').text.length, 998)
  assert.equal(makeAddition('x\n'.repeat(16_384), 'x', 'p').text.length, 16_384 * 3 - 2)
  // the numbers of characters make HTML longer than text
  assert.throws(() => makeAddition('x', 'é'.repeat(200), 'p'), { name: 'UnfitText' })
})

test('any HTML has its places, and soon', () => {
  const bits = fc.constantFrom(
    '<',
    '>',
    '<!--',
    '-->',
    '</body>',
    '<body',
    '<script>',
    '</script',
    '"',
    "'",
    '=',
    ' ',
    'x',
    '/',
  )
  const property = fc.property(fc.array(bits, { maxLength: 60 }), (chosen) => {
    const html = chosen.join('')
    for (const at of [bottomOf(html), topOf(html)]) assert.ok(at >= 0 && at <= html.length)
  })
  fc.assert(property, { numRuns: 1000 })
  for (const bit of ['<', '<!--', '<a ', '<script>', '<script></script', '<a b="', '</', '<!', '=', '<a b=']) {
    const from = performance.now()
    scanHtml(bit.repeat(200_000))
    assert.ok(performance.now() - from < 5000, bit)
  }
})
