import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tellMessage } from '../../src/admin/custody.ts'
import { describePlain } from '../../src/cli/text/plain.ts'
import { wallClock } from '../../src/cli/text/wall-clock.ts'
import { openLedger } from '../../src/ledger/open.ts'
import { silentLog } from '../../src/log.ts'
import { noMetrics } from '../../src/metrics.ts'
import { temporaryFolder } from '../support/folder.ts'
import { defer } from '../support/scope.ts'
import { startSink } from '../support/sink.ts'
import { waitFor } from '../support/wait.ts'
import { hosts, routes, startRelay } from '../unit/deliver/relay.ts'

const DAY = 86_400_000

test('After five days in vain the record says why a message was given up, and that its sender was told of the delay and of the end', async (t) => {
  const hop = await startSink(t, {
    fault: ({ phase }) => (phase === 'rcpt' ? { reply: '450 4.2.1 the mailbox is being moved' } : null),
  })
  const home = await startSink(t)
  const table = routes({ 'royal.example.test': hosts(home.port) }, hosts(hop.port))
  const relay = await startRelay(t, { options: { routes: table, retry: { waitsMs: [6 * 3_600_000], jitter: 0 } } })
  const seams = { log: silentLog, metrics: noMetrics, clock: relay.clock }
  const ledger = await openLedger({ path: temporaryFolder(t, 'ledger'), retentionMs: 90 * DAY }, seams)
  defer(t, () => ledger.close())
  relay.spool.connectJournal(ledger.connect())
  const ports = { spool: relay.spool, trace: ledger, givesUpAt: (receivedAt: number) => receivedAt + 5 * DAY }

  const start = relay.clock.now()
  const queueId = await relay.submit({ from: 'nurse@royal.example.test', to: 'doctor@example.org' })
  const last = async () => {
    const { messages } = await ledger.trace({ queueId }, { after: null, limit: 1 })
    const [found] = messages
    return found === undefined ? '' : (describePlain(await tellMessage(ports, found), wallClock('UTC')).at(-1) ?? '')
  }

  await relay.goTo(start + DAY)
  const waits = await waitFor(async () => /was told/.test(await last()) && last(), { what: 'the delay in the record' })
  assert.match(
    waits,
    /The sender was told at .* that it is delayed\. Waiting for example\.org: last tried in vain at .*450 4\.2\.1/,
  )
  assert.match(waits, /If nothing changes, it will be returned to the sender at /)

  await relay.goTo(start + 5 * DAY + 3_600_000)
  const end = await waitFor(async () => /Given up/.test(await last()) && last(), { what: 'the end in the record' })
  assert.match(
    end,
    /Given up at .*: “.*delivery time expired; at last: 450 4\.2\.1 the mailbox is being moved”\. The sender was told \(notice \w{11}\)\./,
  )
  assert.doesNotMatch(end, /Waiting|returned to the sender/)
})
