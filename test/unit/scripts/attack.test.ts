import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countsIn } from '../../../scripts/lib/prove/attack/dependencies.ts'
import { slowest } from '../../../scripts/lib/prove/attack/expressions.ts'
import { literalsIn } from '../../../scripts/lib/prove/attack/literals.ts'
import { readSession } from '../../../scripts/lib/prove/attack/model.ts'
import { ours } from '../../../scripts/lib/prove/attack/testssl.ts'

// The harness must see what it looks for.

const MESSAGE = 'MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\nx: y\r\n\r\n..z\r\n.\r\nQUIT\r\n'
const ANSWERS = ['250 ok', '250 ok', '354 go', '250 2.0.0 Ok: queued as 038TVJCJ000', '221 bye', '']
const answers = (...changes: readonly (readonly [number, string])[]): string =>
  Object.values({ ...ANSWERS, ...Object.fromEntries(changes) }).join('\r\n')

test('A sound session is read with what it accepted, unstuffed', () => {
  const accepted = { from: 'a@b.test', to: ['c@d.test'], queueId: '038TVJCJ000', content: 'x: y\r\n\r\n.z\r\n' }
  assert.deepEqual(readSession(MESSAGE, answers()), { accepted: [accepted], problems: [] })
})

test('What no sound server answers is a problem', () => {
  const problem = (sent: string, answered: string) => readSession(sent, answered).problems.join()
  assert.match(problem(MESSAGE, answers([0, '250 ok\nx'])), /not replies/)
  assert.match(problem(MESSAGE, answers([0, '250 \x1bok'])), /not replies/)
  assert.match(problem(MESSAGE, answers([0, '250-ok\r\n251 ok'])), /not replies/)
  assert.match(problem(MESSAGE, `${answers()}250 more\r\n`), /answers to nothing/)
  assert.match(problem(MESSAGE, answers([1, '550 no'])), /without an envelope/)
  assert.match(
    problem(MESSAGE.replace('\r\n.\r\nQUIT\r\n', '\n.\n'), answers().replace('221 bye\r\n', '')),
    /without an end mark/,
  )
  assert.match(problem('NOOP\n', '250 ok\r\n'), /obeyed without CRLF/)
  assert.match(problem('NOO', '250 ok\r\n'), /before its line ended/)
})

test('Expressions that take the square of their text, or worse, are found, and others are not', () => {
  const at = (source: string, flags = '') => slowest({ source, flags, line: 1 })
  const slow = [
    '^(a+)+$',
    '[.-]+$',
    '=+(?=\\s*[A-Z])',
    '^[+-]?\\d*\\.?\\d*$',
    '^\\s*(.*?)\\s*<([^<>]+)>\\s*$',
    '[^\\s<>]+@[^\\s<>]+',
  ]
  for (const source of slow) assert.notEqual(at(source), null, source)
  for (const source of ['^[.-]+$', '^\\d+(?:\\.\\d+)?$', '[^\\s<>]+', '"(?:[^"\\\\]|\\\\.)*"$'])
    assert.equal(at(source), null, source)
})

test('Expressions are told from divisions, texts, comments and templates', () => {
  const source = `#!/usr/bin/x
    const a = b / c / d, e = /f[/]g\\//gu // /no/
    /* /no/ */ return '/no/' + \`/no/ \${x.replace(/h/, "/no/")} /no/\` / 2 / 3`
  assert.deepEqual(
    literalsIn(source).map((each) => [each.source, each.flags]),
    [
      ['f[/]g\\/', 'gu'],
      ['h', ''],
    ],
  )
})

test('What a scanner says of the certificate alone is left out, and the same of anything else is not', () => {
  const found = (id: string, finding: string) => ({ id, severity: 'HIGH', finding })
  const control = [found('cert_trust', 'nobody vouches'), found('overall_grade', 'T')]
  assert.deepEqual(ours(control, control), [])
  const worse = [found('cert_trust', 'expired'), found('LUCKY13', 'nobody vouches')]
  assert.deepEqual(ours([...control, ...worse], control), worse)
})

test('No answer to npm audit is never taken for none with holes', () => {
  assert.equal(countsIn('{"metadata":{"vulnerabilities":{"total":0}}}'), 0)
  assert.equal(countsIn('{"metadata":{"vulnerabilities":{"total":2}}}'), 2)
  assert.equal(countsIn('{"statusCode":405,"body":""}'), '405 from the registry')
  assert.equal(countsIn('{"message":"request to registry failed"}'), 'request to registry failed')
  assert.equal(countsIn('{}'), 'an answer without counts')
  assert.equal(countsIn(''), 'no answer')
})
