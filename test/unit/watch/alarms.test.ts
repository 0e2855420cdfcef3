import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import { CONFIRM_MS, MOST_ALARMS, MOST_OF_A_KIND } from '../../../src/watch/options.ts'
import { HOUR, MINUTE, OPTIONS, SECOND, startWatch } from './support.ts'

test('An alarm is told once when it comes and once when it goes, in the log and in the metrics.', async (t) => {
  const { watch, lines, gauges } = await startWatch(t)
  watch.alarms.raise('path royal.test', 'mail waits', { domain: 'royal.test' })
  watch.alarms.raise('path royal.test', 'mail waits, still')
  assert.deepEqual(lines, [{ fields: { domain: 'royal.test', alarm: 'path royal.test' }, text: 'alarm: mail waits' }])
  assert.equal(gauges.get('path'), 1)
  assert.deepEqual(
    watch.standing().map(({ text }) => text),
    ['mail waits, still'],
  )
  watch.alarms.clear('path royal.test')
  watch.alarms.clear('path royal.test')
  assert.equal(lines.length, 2)
  assert.match(lines[1]?.text ?? '', /^alarm is over: mail waits, still$/)
  assert.deepEqual([gauges.get('path'), watch.standing().length], [0, 0])
})

test('An alarm of a sort that nobody knows counts as other, so that no label is made by the outside.', async (t) => {
  const { watch, gauges } = await startWatch(t)
  watch.alarms.raise('evil.example', 'x\r\ny'.repeat(1000))
  assert.equal(gauges.get('other'), 1)
  const [alarm] = watch.standing()
  assert.equal(alarm?.text.length, 1000)
  assert.doesNotMatch(alarm?.text ?? '', /[\r\n]/)
})

test('Alarms that come within a minute go in one mail, and its end in another.', async (t) => {
  const { watch, letters, pass } = await startWatch(t)
  watch.alarms.raise('path a.test', 'mail for a.test waits')
  await pass(30 * SECOND)
  watch.alarms.raise('path b.test', 'mail for b.test waits')
  assert.equal(letters.length, 0)
  await pass(30 * SECOND)
  assert.equal(letters.length, 1)
  assert.equal(letters[0]?.subject, '[relay.example.test] 2 alarms')
  assert.match(letters[0]?.text ?? '', /a\.test waits \(since [\s\S]*b\.test waits/)
  await pass(5 * MINUTE)
  watch.alarms.clear('path a.test')
  await pass(2 * MINUTE)
  assert.equal(letters.length, 2)
  assert.match(letters[1]?.text ?? '', /^Over:\n\n- mail for a\.test waits[\s\S]*told before:\n\n- mail for b\.test/)
})

test('An alarm that stands is mailed again after a day, and not before.', async (t) => {
  const { watch, letters, pass } = await startWatch(t)
  watch.alarms.raise('ledger', 'the ledger cannot be written')
  await pass(MINUTE)
  await pass(24 * HOUR - SECOND)
  assert.equal(letters.length, 1)
  await pass(SECOND)
  assert.equal(letters.length, 2)
})

test('An alarm that is over before its mail is due is not mailed.', async (t) => {
  const { watch, letters, pass } = await startWatch(t)
  watch.alarms.raise('scanner virus', 'clamd does not answer')
  await pass(59 * SECOND)
  watch.alarms.clear('scanner virus')
  await pass(2 * HOUR)
  assert.equal(letters.length, 0)
})

test('An alarm that comes and goes is not mailed each time.', async (t) => {
  const { watch, letters, pass } = await startWatch(t)
  for (let i = 0; i < 20; i++) {
    watch.alarms.raise('scanner virus', 'clamd does not answer')
    await pass(90 * SECOND)
    watch.alarms.clear('scanner virus')
    await pass(90 * SECOND)
  }
  assert.ok(letters.length <= 4, `${letters.length} mails in an hour`)
})

test('A storm of alarms makes no more mails in an hour than are allowed, and nothing is left out of them.', async (t) => {
  const { watch, letters, pass } = await startWatch(t, { options: { mailsPerHour: 3 } })
  for (let i = 0; i < 30; i++) {
    watch.alarms.raise(`path d${i}.test`, `mail for d${i}.test waits`)
    await pass(2 * MINUTE)
    if (i === 28) assert.equal(letters.length, 3, 'in the first hour')
  }
  await pass(2 * HOUR)
  const all = letters.map(({ text }) => text.split('Still')[0]).join()
  for (let i = 0; i < 30; i++) assert.match(all, new RegExp(`d${i}\\.test waits`))
  assert.ok(letters.length <= 5)
})

test('A mail that cannot be sent is tried again, is an alarm itself, and makes no mail about itself.', async (t) => {
  let tries = 0
  let works = false
  const letters: string[] = []
  const send = async ({ text }: { text: string }) => {
    tries++
    if (!works) throw new Error('the spool is full')
    letters.push(text)
  }
  const { watch, pass } = await startWatch(t, { send })
  watch.alarms.raise('ledger', 'the ledger cannot be written')
  await pass(HOUR)
  assert.ok(tries >= 11 && tries <= 12, `${tries} tries in an hour`)
  assert.match(watch.standing().at(-1)?.text ?? '', /operators cannot be told of alarms by mail: the spool is full/)
  works = true
  await pass(10 * MINUTE)
  assert.equal(letters.length, 1)
  assert.doesNotMatch(letters.join(), /cannot be told/)
  assert.deepEqual(
    watch.standing().map(({ key }) => key),
    ['ledger'],
  )
  await pass(HOUR)
  assert.equal(letters.length, 1)
})

test('A restart neither forgets an alarm nor mails it again.', async (t) => {
  const first = await startWatch(t)
  const since = first.clock.now()
  first.watch.alarms.raise('path royal.test', 'mail waits')
  await first.pass(MINUTE)
  assert.equal(first.letters.length, 1)
  await first.watch.close()
  first.watch.alarms.clear('path royal.test')
  const { watch, letters, lines, pass } = await startWatch(t, { folder: first.folder, clock: first.clock })
  assert.deepEqual(watch.standing(), [
    { key: 'path royal.test', kind: 'path', text: 'mail waits', since, mailedAt: since + MINUTE, confirmed: false },
  ])
  watch.alarms.raise('path royal.test', 'mail waits')
  await pass(2 * HOUR)
  assert.deepEqual([letters.length, lines.length, watch.standing().length], [0, 0, 1])
})

test('An alarm of before the start that nobody raises again is over after a while.', async (t) => {
  const first = await startWatch(t)
  first.watch.alarms.raise('path royal.test', 'mail waits')
  await first.watch.close()
  const { watch, pass, lines } = await startWatch(t, { folder: first.folder, clock: first.clock })
  await pass(CONFIRM_MS - SECOND)
  assert.equal(watch.standing().length, 1)
  await pass(MINUTE)
  assert.equal(watch.standing().length, 0)
  assert.match(lines.at(-1)?.text ?? '', /not raised again since the start: mail waits/)
})

test('A file that cannot be understood costs nothing but what it held.', async (t) => {
  const first = await startWatch(t)
  first.watch.alarms.raise('ledger', 'x')
  await first.watch.close()
  assert.equal(statSync(first.path).mode & 0o077, 0, 'for nobody else')
  const whole = readFileSync(first.path, 'utf8')
  for (const broken of ['', whole.slice(0, -5), '[]', '{"alarms":7}', '{"alarms":[null]}', `{"alarms":[{"key":1}]}`]) {
    writeFileSync(first.path, broken)
    const { watch, lines } = await startWatch(t, { folder: first.folder })
    assert.deepEqual(watch.standing(), [], broken)
    assert.ok(lines.length <= 1)
    await watch.close()
  }
})

test('There is a bound to the alarms that are kept, and it is said.', async (t) => {
  const { watch, lines } = await startWatch(t)
  for (let i = 0; i < 1005; i++) watch.alarms.raise(`path d${i}.test`, 'waits')
  assert.equal(watch.standing().length, MOST_OF_A_KIND)
  assert.equal(lines.filter(({ text }) => /more alarms than can be kept/.test(text)).length, 1)
  watch.alarms.raise('ledger', 'the ledger cannot be written')
  assert.equal(watch.standing().length, MOST_OF_A_KIND + 1, 'one kind leaves room for the others')
  for (let i = 0; i < 200; i++) watch.alarms.raise(`scanner s${i}`, 'does not answer')
  assert.equal(watch.standing().length, MOST_ALARMS)
})

test('Operators are told at once, and again after a day, though the clock was years ahead before.', async (t) => {
  const first = await startWatch(t, { options: { mailsPerHour: 1 } })
  const now = first.clock.now()
  first.clock.jump(5 * 365 * 24 * HOUR)
  first.watch.alarms.raise('path a.test', 'mail for a.test waits')
  await first.pass(MINUTE)
  assert.equal(first.letters.length, 1)
  first.watch.alarms.clear('path a.test')
  await first.watch.close()
  first.clock.jump(now - first.clock.now())
  const { watch, letters, pass } = await startWatch(t, { folder: first.folder, clock: first.clock })
  watch.alarms.raise('ledger', 'the ledger cannot be written')
  await pass(HOUR + MINUTE)
  assert.match(letters.map(({ text }) => text).join(), /cannot be written[\s\S]*Over:[\s\S]*a\.test/)
  const before = letters.length
  await pass(24 * HOUR)
  assert.equal(letters.length, before + 1)
})

test('What stood before the start and nobody raises again is over, though the clock was set back since.', async (t) => {
  const first = await startWatch(t)
  first.watch.alarms.raise('path royal.test', 'mail waits')
  await first.watch.close()
  const { watch, pass, clock } = await startWatch(t, { folder: first.folder, clock: first.clock })
  clock.jump(-365 * 24 * HOUR)
  await pass(CONFIRM_MS + 2 * MINUTE)
  assert.equal(watch.standing().length, 0)
})

test('Other operators hear from the next mail on, and nobody where there are none.', async (t) => {
  const { watch, letters, pass } = await startWatch(t, { options: { mailTo: [] } })
  watch.alarms.raise('ledger', 'the ledger cannot be written')
  await pass(HOUR)
  assert.equal(letters.length, 0)
  watch.update(OPTIONS)
  await pass(SECOND)
  assert.equal(letters.length, 1)
})
