import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Column, table } from '../../../../src/cli/text/table.ts'
import { fit, width } from '../../../../src/cli/text/width.ts'

interface Row {
  readonly name: string
  readonly count: number
  readonly cause: string
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'NAME', cell: ({ name }) => name, atMost: 10 },
  { title: 'COUNT', cell: ({ count }) => String(count), align: 'right' },
  { title: 'CAUSE', cell: ({ cause }) => cause },
]

test('Columns are aligned, numbers to the right, also with wide and combining characters', () => {
  const rows = [
    { name: 'royal', count: 7, cause: 'busy' },
    { name: '病院', count: 1200, cause: '' },
    { name: 'Zoe\u0308', count: 30, cause: 'x' },
  ]
  assert.deepEqual(table(COLUMNS, rows, null), [
    'NAME   COUNT  CAUSE',
    'royal      7  busy',
    '病院    1200',
    'Zoe\u0308       30  x',
  ])
})

test('On a terminal long cells are cut and no line is wider than it; into a file nothing is cut', () => {
  const long = { name: 'a-very-long-name', count: 1, cause: 'connection refused by every host there is' }
  const lines = table(COLUMNS, [long], 40)
  assert.equal(lines[1], 'a-very-lo…      1  connection refused b…')
  assert.ok(lines.every((line) => width(line) <= 40))
  const bounded = COLUMNS.map((column) => (column.title === 'NAME' ? { ...column, atMost: 30 } : column))
  assert.equal(table(bounded, [long], 32)[1], 'a-very-long…      1  connection…', 'narrow: the widest give first')
  assert.equal(table(bounded, [long], 5)[1], 'a-very-lo…      1  connectio…', 'no narrower than can be read')
  assert.match(table(COLUMNS, [long], null)[1] ?? '', /a-very-long-name.*every host there is$/)
})

test('A cell cannot steer the terminal or add lines', () => {
  assert.deepEqual(
    table(COLUMNS, [{ name: 'a\nb', count: 1, cause: '\x1b[31m' }], null)[1],
    'a\\x0ab      1  \\x1b[31m',
  )
})

test('Text is cut between characters, never in the middle of a wide one', () => {
  assert.equal(fit('病院病院', 5), '病院…')
  assert.equal(fit('abc', 3), 'abc')
  assert.equal(width('👩'), 2)
})
