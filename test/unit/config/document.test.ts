import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseSource, readSource } from '../../../src/config/document.ts'
import { temporaryFolder } from '../../support/folder.ts'

function faults(text: string): string[] {
  const read = parseSource('/x.yaml', text)
  return read.ok ? [] : read.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)
}

const FAULTS: readonly [string, string, string][] = [
  ['a key that stands twice', 'a: 1\nb: 2\na: 3\n', '3:1 this key stands here a second time'],
  ['an unfinished text', 'a: "b\n', '2:1 Missing closing "quote'],
  ['a tab as indentation', 'a:\n\tb: 1\n', '2:1 Tabs are not allowed as indentation'],
  [
    'two keys on one line',
    'a: b: c\n',
    "1:4 a second ':' on one line: put the value in quotes, or on a line of its own",
  ],
  ['an alias of nothing', 'a: *b\n', '1:4 there is no anchor &b above this'],
  ['a tag of its own', 'a: !secret b\n', '1:4 Unresolved tag: !secret'],
  ['a list as a key', '? [a]\n: b\n', '1:3 a key must be a word'],
  ['the key __proto__', '__proto__: { x: 1 }\n', '1:1 a key must be a word'],
  ['a second document', 'a: 1\n---\nb: 2\n', '0:0 holds 2 YAML documents, where one is expected'],
]

for (const [what, text, message] of FAULTS) {
  test(`${what} is a fault with its place`, () => assert.deepEqual(faults(text), [message]))
}

test('every fault of the syntax is reported, up to twenty', () => {
  assert.equal(faults('a: 1\na: 2\nb: 1\nb: 2\n').length, 2)
  assert.equal(faults('a: 1\n'.repeat(100)).length, 20)
})

test('aliases may be used, but not to grow without bound', () => {
  const read = parseSource('/x.yaml', 'a: &x [1, 2]\nb: *x\n')
  assert.deepEqual(read.ok && read.source.data, { a: [1, 2], b: [1, 2] })
  const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}]`)
  assert.match(faults(`l0: &l0 [x]\n${levels.join('\n')}\n`)[0] ?? '', /^0:0 Excessive alias count/)
})

test('nesting without end is a fault and not a crash', () => {
  for (const text of ['['.repeat(100_000), '- '.repeat(20_000), '{a: '.repeat(20_000)]) {
    assert.deepEqual(
      faults(text).map((fault) => fault.replace(/^\S+ /, '')),
      ['lists and maps are nested too deeply'],
    )
  }
})

test('words that other YAML takes for booleans or octal numbers stay what they are', () => {
  const read = parseSource('/x.yaml', 'a: yes\nb: off\nc: 010\nd: 1:30\n')
  assert.deepEqual(read.ok && read.source.data, { a: 'yes', b: 'off', c: 10, d: '1:30' })
})

test('a file over 4 MiB, or not in UTF-8, is not read', (t) => {
  const folder = temporaryFolder(t)
  const write = (name: string, bytes: Buffer): string => {
    writeFileSync(join(folder, name), bytes)
    const read = readSource(join(folder, name))
    return read.ok ? 'read' : (read.problems[0]?.message ?? '')
  }
  const limit = 4 * 1024 * 1024
  assert.equal(write('limit.yaml', Buffer.alloc(limit, '#')), 'read')
  assert.match(write('large.yaml', Buffer.alloc(limit + 1, '#')), /cannot be read: it is larger than 4MiB/)
  assert.match(
    write('latin.yaml', Buffer.from('a: caf\xe9', 'latin1')),
    /cannot be read: .*not valid for encoding utf-8/,
  )
})

test('the place of a key that is not there is the nearest part of its path that is', () => {
  const read = parseSource('/x.yaml', 'a:\n  b: [1, 2]\n')
  assert.ok(read.ok)
  const { source } = read
  assert.deepEqual(source.locate(['a', 'b', 1], 'value'), { line: 2, column: 10 })
  assert.deepEqual(source.locate(['a', 'b'], 'key'), { line: 2, column: 3 })
  assert.deepEqual(source.locate(['a', 'c', 'd'], 'value'), { line: 2, column: 3 })
  assert.deepEqual(source.locate(['z'], 'value'), { line: 1, column: 1 })
  assert.equal(source.has(['a', 'b', 1]), true)
  assert.equal(source.has(['a', 'b', 2]), false)
})

test('any text is read or refused, never an error', () => {
  const pieces = fc.constantFrom(
    'a',
    ': ',
    '- ',
    '\n',
    '  ',
    '[',
    ']',
    '{',
    '}',
    '&x ',
    '*x',
    '"',
    "'",
    '#',
    '|',
    '>',
    '!',
    '%',
    '\t',
    '?',
    '---',
  )
  fc.assert(fc.property(fc.array(pieces, { maxLength: 40 }), (parts) => void parseSource('/x.yaml', parts.join(''))))
  fc.assert(fc.property(fc.string(), (text) => void parseSource('/x.yaml', text)))
})
