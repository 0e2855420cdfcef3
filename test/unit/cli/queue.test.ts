import assert from 'node:assert/strict'
import { userInfo } from 'node:os'
import { type TestContext, test } from 'node:test'
import { POSTERN } from '../../support/daemon.ts'
import { type Finished, run } from '../../support/process.ts'
import { type Admin, startAdmin } from '../admin/support.ts'
import { deliver, hold, message, START } from '../spool/support.ts'

const HOUR = 3_600_000
const NO_TERMINAL = { env: { ...process.env, SUDO_USER: '' } }

interface Operator extends Admin {
  postern(...args: string[]): Promise<Finished>
  /** On a terminal, with what a person types. */
  typed(input: string, ...args: string[]): Promise<Finished>
}

async function operator(t: TestContext): Promise<Operator> {
  const admin = await startAdmin(t)
  const at = ['--socket', admin.socketPath]
  return Object.assign(admin, {
    postern: (...args: string[]) => run(POSTERN, [...args, ...at], NO_TERMINAL),
    typed: (input: string, ...args: string[]) => {
      const quoted = [POSTERN, ...args, ...at].map((word) => `'${word}'`).join(' ')
      return run('script', ['--quiet', '--return', '--command', quoted, '/dev/null'], { ...NO_TERMINAL, input })
    },
  })
}

const waiting = async ({ spool }: Admin): Promise<number> =>
  (await spool.list({}, { after: null, limit: 100 })).entries.flatMap(({ recipients }) => recipients).length

test('The list shows one line a recipient, aligned, with age, next step and cause', async (t) => {
  const { spool, postern } = await operator(t)
  await spool.put(message(['a@city.test', 'b@city.test'], 10_300), [
    deliver('city.test', START - HOUR),
    { do: 'hold', destination: 'city.test', hold: hold(Date.now() + 3 * HOUR + 60_000) },
  ])
  await spool.block('city.test', Date.now() + 10 * 60_000, { text: '10.0.0.1:25: connection refused', failures: 3 })
  const { code, stdout } = await postern('queue', 'list')
  assert.equal(code, 0)
  const [title, first, second] = stdout.split('\n')
  assert.match(title ?? '', /^QUEUE ID +AGE +SIZE +CLIENT +SENDER +RECIPIENT +STATE +TRIES +NEXT +CAUSE$/)
  assert.match(
    first ?? '',
    /^[0-9A-Z]{11} +\S.* 10\.1 KiB +royal +ward@royal\.example\.test +a@city\.test +pending +0 +in \S+.* +10\.0\.0\.1:25: connection refused$/,
  )
  assert.match(second ?? '', /^ +b@city\.test +held +0 +reject in 3h +looks odd$/)
  assert.equal(first?.indexOf('a@city.test'), second?.indexOf('b@city.test'))
})

test('An empty queue and an empty selection are told in words, and as an empty list to programs', async (t) => {
  const { postern } = await operator(t)
  assert.equal((await postern('queue', 'list')).stdout, 'Nothing waits.\n')
  assert.deepEqual(JSON.parse((await postern('queue', 'list', '--json')).stdout), { messages: [], next: null })
})

test('The list is paged: --limit ends it with a cursor, --after goes on, --all gives everything', async (t) => {
  const { spool, postern } = await operator(t)
  const ids: string[] = []
  for (let i = 0; i < 5; i++) {
    ids.push((await spool.put(message([`r${i}@city.test`]), [deliver('city.test')])).queueId)
  }
  const first = JSON.parse((await postern('queue', 'list', '--limit', '2', '--json')).stdout)
  const rest = JSON.parse((await postern('queue', 'list', '--after', first.next, '--json')).stdout)
  const all = JSON.parse((await postern('queue', 'list', '--all', '--json')).stdout)
  const idsOf = (page: { messages: { queueId: string }[] }) => page.messages.map(({ queueId }) => queueId)
  assert.deepEqual([...idsOf(first), ...idsOf(rest)], ids)
  assert.deepEqual(idsOf(all), ids)
  const { stderr } = await postern('queue', 'list', '--limit', '2')
  assert.match(stderr, /^There is more: --all shows everything, --after \S+ goes on from here\.\n$/)
})

test('Filters narrow the list', async (t) => {
  const { spool, clock, postern } = await operator(t)
  // the command goes by the time of day
  clock.advance(Date.now() - 3 * HOUR - START)
  await spool.put(message(['a@one.test'], 10, { receivedAt: clock.now(), client: 'labs' }), [deliver('one.test')])
  clock.advance(3 * HOUR)
  await spool.put(message(['b@two.test'], 10, { receivedAt: Date.now() }), [deliver('two.test')])
  const found = async (...filter: string[]) => {
    const { stdout } = await postern('queue', 'list', '--json', ...filter)
    return JSON.parse(stdout).messages.map((m: { recipients: [{ address: string }] }) => m.recipients[0].address)
  }
  assert.deepEqual(await found('--older', '2h'), ['a@one.test'])
  assert.deepEqual(await found('--newer', '2h'), ['b@two.test'])
  assert.deepEqual(await found('--client', 'labs'), ['a@one.test'])
  assert.deepEqual(await found('--domain', 'two.test'), ['b@two.test'])
  assert.deepEqual(await found('--destination', 'one.test'), ['a@one.test'])
  assert.deepEqual(await found('--recipient', 'B@two.test'), ['b@two.test'])
  assert.deepEqual(await found('--sender', '<>'), [])
  assert.deepEqual(await found('--in-state', 'held'), [])
})

test('A message is shown with each recipient, and its content only where asked for', async (t) => {
  const { spool, postern, typed, logged } = await operator(t)
  const content = Buffer.from('Subject: x\x1b[2Jy\r\n\r\nbody\r\n')
  const written = spool.receive()
  written.write(content)
  const to = message(['a@city.test'], 0, { content: await written.finish() })
  const { queueId } = await spool.put(to, [
    { do: 'hold', destination: 'city.test', hold: hold(Date.now() + 2 * HOUR + 60_000) },
  ])
  const { stdout } = await postern('queue', 'show', queueId)
  assert.match(stdout, /^Recipient {3}a@city\.test\n {2}State {5}held\n {2}Goes to {3}city\.test\n/m)
  assert.match(
    stdout,
    /Cause {5}looks odd\n {2}Held by {3}plugin:virus\n {2}Until .* \(2h left\), then returned to the sender/,
  )
  assert.doesNotMatch(stdout, /Subject/)
  const raw = await postern('queue', 'show', queueId, '--content')
  assert.equal(raw.stdout, `Received: from a.test\r\n${content}`)
  const seen = await typed('', 'queue', 'show', queueId, '--header')
  assert.match(seen.stdout, /Subject: x\\x1b\[2Jy/)
  assert.deepEqual(
    logged.map(({ fields: { by, part } }) => ({ by, part })),
    [
      { by: userInfo().username, part: 'all' },
      { by: userInfo().username, part: 'header' },
    ],
  )
  const gone = await postern('queue', 'show', '00000000000')
  assert.equal(gone.code, 66)
  assert.match(gone.stderr, /There is no message 00000000000 in the queue/)
})

test('What comes from the outside never reaches the terminal raw, in tables or JSON', async (t) => {
  const { spool, postern } = await operator(t)
  const from = message(['a@city.test'], 10, { client: 'c\x1b[31m', messageId: '<\u202e\x9b2J@x>' })
  const { queueId } = await spool.put(from, [deliver('city.test')])
  for (const args of [['list'], ['list', '--json'], ['show', queueId], ['show', queueId, '--json']]) {
    const { stdout } = await postern('queue', ...args)
    assert.match(stdout, /\[31m/)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not come through
    assert.doesNotMatch(stdout, /[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/)
  }
})

test('Messages named by id are acted on at once, except for removal', async (t) => {
  const admin = await operator(t)
  const { queueId } = await admin.spool.put(message(['a@city.test']), [deliver('city.test', START + HOUR)])
  assert.equal((await admin.postern('queue', 'retry', queueId)).stdout, '1 recipient due now.\n')
  assert.equal((await admin.postern('queue', 'hold', queueId, '--reason', 'ticket 4711')).stdout, '1 recipient held.\n')
  const [entry] = (await admin.spool.list({}, { after: null, limit: 1 })).entries
  const found = entry?.recipients[0]?.hold
  assert.equal(found?.owner, `operator:${userInfo().username}`)
  assert.ok(Math.abs((found?.until ?? 0) - Date.now() - 7 * 24 * HOUR) < 60_000)
  assert.equal((await admin.postern('queue', 'release', queueId)).stdout, '1 recipient released.\n')
  const refused = await admin.postern('queue', 'remove', queueId)
  assert.equal(refused.code, 64)
  assert.match(refused.stderr, /would remove 1 recipient of 1 message\. There is nobody to ask here: add --yes/)
  assert.equal(await waiting(admin), 1)
  const removed = await admin.postern('queue', 'remove', queueId, '--yes', '--json')
  assert.deepEqual(JSON.parse(removed.stdout), { dryRun: false, changed: 1, busy: 0 })
  assert.equal(await waiting(admin), 0)
})

test('A bulk action is counted first and done only when a person says yes', async (t) => {
  const admin = await operator(t)
  for (let i = 0; i < 3; i++) await admin.spool.put(message(['a@city.test']), [deliver('city.test')])
  await admin.spool.put(message(['a@other.test']), [deliver('other.test')])
  const dry = await admin.postern('queue', 'remove', '--domain', 'city.test', '--dry-run')
  assert.equal(dry.stdout, 'It would touch 3 recipients of 3 messages.\n')
  const no = await admin.typed('n\n', 'queue', 'remove', '--domain', 'city.test')
  assert.match(no.stdout, /Remove 3 recipients of 3 messages for good, without telling anybody\? \[y\/N\]/)
  assert.match(no.stdout, /Nothing was changed/)
  assert.equal(await waiting(admin), 4)
  const yes = await admin.typed('y\n', 'queue', 'remove', '--domain', 'city.test')
  assert.match(yes.stdout, /3 recipients removed\./)
  assert.equal(await waiting(admin), 1)
  const none = await admin.postern('queue', 'remove', '--domain', 'city.test')
  assert.deepEqual([none.code, none.stdout], [0, 'Nothing in the queue matches.\n'])
  const rerouted = await admin.postern('queue', 'reroute', '--all', '--to', 'standby.test', '--yes')
  assert.equal(rerouted.stdout, '1 recipient rerouted.\n')
})

test('An action on a message that is not in the queue is told with 66, whatever else was said', async (t) => {
  const admin = await operator(t)
  const { queueId } = await admin.spool.put(message(['a@city.test']), [deliver('city.test')])
  for (const action of [['retry'], ['hold', '--reason', 'test'], ['remove', '--yes'], ['reroute', '--to-own']]) {
    const { code, stdout, stderr } = await admin.postern('queue', ...action, '00KX3T9A001')
    assert.deepEqual([code, stdout], [66, ''], action.join(' '))
    assert.match(stderr, /^There is no message 00KX3T9A001 in the queue\. What became of it: postern trace 00KX3T9A001/)
  }
  const held = await admin.postern('queue', 'release', queueId)
  assert.deepEqual([held.code, held.stdout], [0, '0 recipients released.\n'], 'it is there, and not held')
})

test('A reroute says where to, and one thing only', async (t) => {
  const admin = await operator(t)
  for (const where of [[], ['--to', 'a.test', '--to-own']]) {
    const { code, stderr } = await admin.postern('queue', 'reroute', '00KX3T9A001', ...where)
    assert.equal(code, 64)
    assert.match(stderr, /^Say where to: --to DESTINATION, or --to-own/)
  }
})

test('A reader that stops early is no failure', async (t) => {
  const { spool, socketPath } = await operator(t)
  for (let i = 0; i < 50; i++) await spool.put(message(['a@city.test']), [deliver('city.test')])
  const command = `'${POSTERN}' queue list --all --socket '${socketPath}' | head -n 1; exit "\${PIPESTATUS[0]}"`
  const { code, stdout, stderr } = await run('bash', ['-c', command])
  assert.equal(code, 0)
  assert.match(stdout, /^QUEUE ID/)
  assert.equal(stderr, '')
})
