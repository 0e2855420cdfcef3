import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSpamOptions } from '../../../src/inspect/plugins/spam/options.ts'
import { parseVirusOptions } from '../../../src/inspect/plugins/virus/options.ts'
import { loaded, said } from '../config/support.ts'

const optionsOf = (entry: string) => loaded(`inspect: [${entry}]`).inspect[0]?.options

test('the defaults of the configuration are those of the plugins', () => {
  const virus = optionsOf('{ virus: { clamd: /run/clamav/clamd.ctl } }')
  assert.deepEqual(parseVirusOptions(virus), parseVirusOptions({ clamd: '/run/clamav/clamd.ctl' }))
  assert.deepEqual(parseSpamOptions(optionsOf('{ spam: {} }')), parseSpamOptions({}))
})

test('what the configuration takes the plugins take', () => {
  const virus = parseVirusOptions(
    optionsOf(
      "{ virus: { clamd: [/run/c, 'a.test:3310', '[::1]:3310'], action: remove, timeout: 5s, tellName: false } }",
    ),
  )
  assert.deepEqual([virus.clamd.length, virus.action, virus.timeoutMs, virus.tellName], [3, 'remove', 5000, false])
  const spam = parseSpamOptions(
    optionsOf("{ spam: { rspamd: ['http://a.test:1', 'https://b.test'], hold: 9.5, reject: off, subject: '[SPAM]' } }"),
  )
  assert.deepEqual([spam.hold, spam.reject, spam.subject, spam.largest], [9.5, null, '[SPAM]', 10 * 1024 * 1024])
  const spamd = parseSpamOptions(optionsOf("{ spam: { spamd: '127.0.0.1:783' } }"))
  assert.equal(spamd.hosts.kind, 'spamd')
})

test('a time limit that the deadline would overtake is refused: it always defers', () => {
  for (const entry of ['{ virus: { clamd: /run/c, deadline: 20s } }', '{ spam: { timeout: 30s } }']) {
    assert.match(said(`inspect: [${entry}]`).join('\n'), /timeout must be less than deadline/)
  }
})

test('what is no address of a scanner is refused', () => {
  for (const entry of [
    "{ virus: { clamd: 'clamd.ctl' } }",
    '{ virus: { clamd: [] } }',
    "{ spam: { rspamd: 'a.test:11333' } }",
  ]) {
    assert.equal(said(`inspect: [${entry}]`).length, 1, entry)
  }
})
