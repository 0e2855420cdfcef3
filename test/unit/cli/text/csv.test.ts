import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvLine } from '../../../../src/cli/text/csv.ts'

test('Cells with commas, quotes and line breaks stay cells, as RFC 4180 says.', () => {
  assert.equal(csvLine(['a', null, 7, '', 'b,c', 'say "hi"']), 'a,,7,,"b,c","say ""hi"""\r\n')
})

test('No cell is a formula for a spreadsheet, whatever a stranger wrote.', () => {
  const cells = ['=1+1', '+1', '-1', '@sum', '\tx', '\r=x', 'a=b', "'=x", '=HYPERLINK("http://x.test","y")']
  const line = csvLine(cells)
  assert.equal(line, `'=1+1,'+1,'-1,'@sum,'\\x09x,'\\x0d=x,a=b,'=x,"'=HYPERLINK(""http://x.test"",""y"")"\r\n`)
})

test('Wide forms of the signs that begin a formula, which some spreadsheets take for them, begin none.', () => {
  assert.equal(csvLine(['\uff1d1+1', '\uff0b1', '\uff0d1', '\uff20sum']), "'\uff1d1+1,'\uff0b1,'\uff0d1,'\uff20sum\r\n")
})

test('A line stays one line, and nothing in it steers a terminal.', () => {
  assert.equal(csvLine(['a\nb', 'c\u001b[2Jd', 'e\u202ef']), 'a\\x0ab,c\\x1b[2Jd,e\\u202ef\r\n')
})
