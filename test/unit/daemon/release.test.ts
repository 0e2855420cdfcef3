import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import { operatorSpool } from '../../../src/daemon/operator-spool.ts'
import { createChain } from '../../../src/inspect/chain.ts'
import type { Inspector } from '../../../src/inspect/plugin.ts'
import { silentLog } from '../../../src/log.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import type { QueueId } from '../../../src/mail/queue-id.ts'
import { reply } from '../../../src/mail/reply.ts'
import { CONTINUE } from '../../../src/mail/verdict.ts'
import { noMetrics } from '../../../src/metrics.ts'
import type { Hold } from '../../../src/spool/contract.ts'
import { openSpool } from '../../../src/spool/open.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { defer, type Scope } from '../../support/scope.ts'

const UNTIL = Date.now() + 3_600_000
// biome-ignore lint/suspicious/noThenProperty: the contract's word for what happens at the deadline
const HOLD: Hold = { reason: 'spam', owner: 'plugin:spam', until: UNTIL, then: 'release' }

/** Finds a virus in every body that says so; fails at one that says that. */
function scanner(): { readonly plugin: Inspector; readonly most: () => number; readonly asked: string[] } {
  let [now, most] = [0, 0]
  const asked: string[] = []
  const plugin: Inspector = {
    name: 'scan',
    rescan: true,
    async data({ content, session, mailFrom, rcptTo }) {
      now++
      most = Math.max(most, now)
      asked.push(`${session.client} ${mailFrom?.local} ${rcptTo.map(({ address }) => address.local).join(' ')}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
      now--
      const text = `${content.bytes}`
      if (text.includes('BROKEN')) throw new Error('the scanner is gone')
      if (!text.includes('VIRUS')) return CONTINUE
      return { action: 'reject', reason: 'virus X', reply: reply(554, '5.7.1', 'No') }
    },
  }
  return { plugin, most: () => most, asked }
}

async function start(t: Scope, plugins: readonly Inspector[]) {
  const seams = { log: silentLog, metrics: noMetrics, clock: systemClock }
  const spool = await openSpool({ path: temporaryFolder(t), reserveBytes: 0, ballastBytes: 0 }, seams)
  defer(t, () => spool.close())
  const chain = createChain(
    plugins.map((plugin) => ({ plugin, mode: 'enforce', deadlineMs: 10_000 })),
    { bytes: 65_536, fields: 1000, content: 1_000_000 },
    seams,
  )
  const warned: object[] = []
  const log = { ...silentLog, warn: (fields: object) => void warned.push(fields) }
  let pokes = 0
  const deliver = { poke: () => void pokes++, retryNow: () => {} }
  const operator = operatorSpool(spool, deliver, {
    chain: () => chain,
    chance: () => ({ lifetimeMs: 5 * 86_400_000, atLeastMs: 86_400_000 }),
    log,
  })
  const put = async (body: string, hold: Hold = HOLD, locals: readonly string[] = ['b']): Promise<QueueId> => {
    const rcptTo = locals.map((local) => ({ address: { local, domain: 'far.test' }, notify: null, orcpt: null }))
    const envelope = {
      mailFrom: { local: 'a', domain: 'ours.test' },
      rcptTo,
      envid: null,
      ret: null,
      smtputf8: false,
      body: '7bit' as const,
      requireTls: false,
    }
    const message = {
      envelope,
      prefix: Buffer.from('Received: here\r\n'),
      content: memoryContent(Buffer.from(`From: <a@ours.test>\r\n\r\n${body}\r\n`)),
      receivedAt: Date.now(),
      client: 'ward',
      messageId: null,
      facts: {},
    }
    const plans = rcptTo.map(() => ({ do: 'hold' as const, destination: 'far.test', hold }))
    return (await spool.put(message, plans)).queueId
  }
  const states = async (queueId: QueueId) => {
    const entry = await spool.show(queueId)
    return entry?.recipients.map(({ state, hold }) => [state, hold?.reason ?? null, hold?.owner ?? null])
  }
  return { spool, operator, put, states, warned, pokes: () => pokes }
}

test('what is clean now is released, and what is not stays held for what was found', async (t) => {
  const { plugin, asked } = scanner()
  const { spool, operator, put, states, warned, pokes } = await start(t, [plugin])
  const clean = await put('fine')
  const bad = await put('VIRUS', HOLD, ['b', 'c'])
  const unclear = await put('BROKEN')
  assert.deepEqual(await operator.act({ do: 'release' }, { client: 'ward' }, 'me'), { changed: 1, busy: 3 })
  assert.deepEqual(await states(clean), [['pending', null, null]])
  const found = ['held', 'not released: virus X', 'plugin:scan']
  assert.deepEqual(await states(bad), [found, found])
  assert.deepEqual(await states(unclear), [['held', 'not released: scan failed', 'plugin:scan']])
  const holds = await Promise.all([bad, unclear].map(async (id) => (await spool.show(id))?.recipients[0]?.hold))
  assert.deepEqual(
    holds.map((hold) => [hold?.until, hold?.then]),
    [
      [UNTIL, 'reject'],
      [UNTIL, 'release'],
    ],
    'what is known to be bad does not go out at its deadline; what could not be looked at keeps its own',
  )
  assert.equal(warned.length, 2)
  assert.deepEqual(asked.sort(), ['ward a b', 'ward a b', 'ward a b c'])
  assert.equal(pokes(), 1)
})

test('only what a plugin held is scanned: what an operator took over is theirs to release', async (t) => {
  const { plugin, asked } = scanner()
  const { operator, put, states } = await start(t, [plugin])
  const id = await put('VIRUS', { ...HOLD, owner: 'operator:me' })
  assert.deepEqual(await operator.act({ do: 'release' }, { queueIds: [id] }, 'me'), { changed: 1, busy: 0 })
  assert.deepEqual(await states(id), [['pending', null, null]])
  assert.deepEqual(asked, [])
})

test('what a repair held, for whatever reason, is scanned too', async (t) => {
  const { plugin } = scanner()
  const { operator, put, states } = await start(t, [plugin])
  const id = await put('VIRUS', { ...HOLD, owner: 'component:repair' })
  assert.deepEqual(await operator.act({ do: 'release' }, { queueIds: [id] }, 'me'), { changed: 0, busy: 1 })
  assert.equal((await states(id))?.[0]?.[0], 'held')
})

test('the filter counts for what is released and for what stays', async (t) => {
  const { plugin } = scanner()
  const { operator, put, states } = await start(t, [plugin])
  const [mine, other] = [await put('fine', HOLD, ['b', 'c']), await put('VIRUS')]
  assert.deepEqual(await operator.act({ do: 'release' }, { queueIds: [] }, 'me'), { changed: 0, busy: 0 })
  assert.deepEqual(await operator.act({ do: 'release' }, { state: 'pending' }, 'me'), { changed: 0, busy: 0 })
  const filter = { queueIds: [mine], recipient: 'c@far.test' }
  assert.deepEqual(await operator.act({ do: 'release' }, filter, 'me'), { changed: 1, busy: 0 })
  const held = ['held', 'spam', 'plugin:spam']
  assert.deepEqual(await states(mine), [held, ['pending', null, null]])
  assert.deepEqual(await states(other), [held])
})

test('many are scanned a few at a time, page after page', async (t) => {
  const { plugin, most, asked } = scanner()
  const { spool, operator, put } = await start(t, [plugin])
  await Promise.all(Array.from({ length: 130 }, (_, i) => put(i % 10 === 0 ? 'VIRUS' : 'fine')))
  assert.deepEqual(await operator.act({ do: 'release' }, {}, 'me'), { changed: 117, busy: 13 })
  assert.equal(asked.length, 130)
  assert.equal(most(), 4)
  const { states } = await spool.summary()
  assert.deepEqual(states, { pending: 117, leased: 0, held: 13 })
})

test('without a plugin that scans again, and for other actions, the spool does it alone', async (t) => {
  const { operator, put, states } = await start(t, [{ name: 'once', data: async () => CONTINUE }])
  const [first, second] = [await put('VIRUS'), await put('VIRUS')]
  assert.deepEqual(await operator.act({ do: 'release' }, { queueIds: [first] }, 'me'), { changed: 1, busy: 0 })
  assert.deepEqual(await states(first), [['pending', null, null]])
  assert.deepEqual(await operator.act({ do: 'remove' }, { queueIds: [second] }, 'me'), { changed: 1, busy: 0 })
  assert.equal(await states(second), undefined)
})
