import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { recipientListed } from '../../../src/config/recipients.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { loaded, said } from './support.ts'

function list(t: TestContext, text: string): string {
  const file = join(temporaryFolder(t), 'recipients')
  writeFileSync(file, text)
  return `domains: { a.test: { relayTo: b.test, recipients: { file: ${file} } } }`
}

function recipients(yaml: string) {
  const source = loaded(yaml).domains.get('a.test')?.recipients
  assert.equal(source?.from, 'list')
  return source.recipients
}

test('a file of recipients holds addresses, local parts, comments and empty lines', (t) => {
  const found = recipients(list(t, '# staff\nNurse@A.test\r\n\n  reception  # front desk\ndr.o#neill\n'))
  const asked = ['nurse@a.test', 'reception@a.test', 'dr.o#neill@a.test', 'staff@a.test', 'nurse2@a.test']
  assert.deepEqual(
    asked.map((key) => recipientListed(found, key)),
    [true, true, true, false, false],
  )
})

test('a line that is no recipient is named with its number', (t) => {
  assert.match(
    said(list(t, 'nurse\n\ntwo words\n'))[0] ?? '',
    /recipients\.file: .*:3: expected an address, found 'two words'/,
  )
})

test('a file that is not there is a problem of its key', () => {
  const yaml = 'domains: { a.test: { relayTo: b.test, recipients: { file: /nonexistent/list } } }'
  assert.match(
    said(yaml)[0] ?? '',
    /domains\['a\.test'\]\.recipients\.file: \/nonexistent\/list cannot be read: ENOENT/,
  )
})

test('recipients may stand in the configuration itself', () => {
  const found = recipients('domains: { a.test: { relayTo: b.test, recipients: [Nurse, Dr.Who@a.test] } }')
  assert.ok(recipientListed(found, 'nurse@a.test'))
  assert.ok(recipientListed(found, 'dr.who@a.test'))
  assert.equal(recipientListed(found, 'other@a.test'), false)
})

test('all may be taken, or the server asked', () => {
  const { domains } = loaded('domains: { a.test: { relayTo: c.test }, b.test: { relayTo: c.test, recipients: ask } }')
  assert.deepEqual(
    [...domains.values()].map((each) => each.recipients),
    [{ from: 'any' }, { from: 'ask' }],
  )
})

test('anything else is refused', () => {
  for (const text of ['some', '[]', '{ path: a }', "['a b']", '5']) {
    assert.ok(said(`domains: { a.test: { relayTo: b.test, recipients: ${text} } }`).length > 0, text)
  }
})
