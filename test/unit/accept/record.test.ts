import assert from 'node:assert/strict'
import { test } from 'node:test'
import { recordOfHolds, recordOfInspection, recordOfUntold } from '../../../src/accept/record.ts'
import type { PluginResult } from '../../../src/inspect/outcome.ts'
import type { Envelope } from '../../../src/mail/envelope.ts'
import type { DeliveryPlan, Hold } from '../../../src/spool/contract.ts'

const result = (plugin: string, changes: Partial<PluginResult> = {}): PluginResult => ({
  plugin,
  hook: 'data',
  mode: 'enforce',
  verdict: 'continue',
  reason: null,
  ms: 1,
  ...changes,
})

const kept = (results: readonly PluginResult[], limit: number) => {
  const found = recordOfInspection(results, limit) as { inspection: PluginResult[]; inspectionCut?: number }
  assert.ok(JSON.stringify(found.inspection).length <= limit, 'it is within its limit')
  return found
}

test('names of attached files, which may be those of patients, are not recorded, and the rest is', () => {
  const facts = {
    state: 'encrypted',
    files: [{ path: 'Smith.zip', format: 'ZIP archive' }],
    found: [{ path: 'Smith.zip > a', why: 'x' }],
  }
  const { inspection } = kept(
    [result('attachments', { facts }), result('virus', { facts: { virus: 'Eicar', removed: ['Smith.exe', null] } })],
    10_000,
  )
  assert.deepEqual(
    inspection.map((each) => each.facts),
    [
      { state: 'encrypted', files: [{ format: 'ZIP archive' }], found: [{ why: 'x' }] },
      { virus: 'Eicar', removed: 2 },
    ],
  )
})

test('what is just within the limit is recorded whole, and one character less cuts the largest facts', () => {
  const results = [result('small', { facts: { a: 1 } }), result('large', { facts: { text: 'x'.repeat(500) } })]
  const size = JSON.stringify(results).length
  assert.deepEqual(kept(results, size), { inspection: results })
  const { inspection, inspectionCut } = kept(results, size - 1)
  assert.deepEqual([inspection[0]?.facts, inspection[1]?.facts, inspectionCut], [{ a: 1 }, { cut: true }, undefined])
})

test('who sent it is the last of the facts to go, however large', () => {
  const results = [
    result('authentication', { facts: { spf: { result: 'pass' }, text: 'x'.repeat(900) } }),
    result('other', { facts: { text: 'x'.repeat(300) } }),
  ]
  const { inspection } = kept(results, JSON.stringify(results).length - 200)
  assert.notDeepEqual(inspection[0]?.facts, { cut: true })
  assert.deepEqual(inspection[1]?.facts, { cut: true })
})

test('of very many results those stay that had something to say, and the others are counted', () => {
  const quiet = Array.from({ length: 2000 }, (_, i) => result(`quiet${i}`))
  const loud = result('loud', { verdict: 'tag', reason: 'odd' })
  const { inspection, inspectionCut = 0 } = kept([...quiet, loud], 4096)
  assert.ok(inspection.some(({ plugin }) => plugin === 'loud'))
  assert.equal(inspection.length + inspectionCut, 2001)
})

test('a hold is recorded with owner, deadline and end, once for all recipients that share it', () => {
  // biome-ignore lint/suspicious/noThenProperty: the contract's word
  const hold = (reason: string): Hold => ({ reason, owner: 'plugin:virus', until: 5, then: 'reject', told: 'no' })
  const plan = (reason: string): DeliveryPlan => ({ do: 'hold', destination: 'd', hold: hold(reason) })
  const { told: _, ...recorded } = hold('a')
  assert.deepEqual(recordOfHolds([plan('a'), plan('a')]), { holds: [recorded] })
  assert.deepEqual(recordOfHolds([plan('a'), { do: 'discard', reason: 'x' }, plan('a')]), {
    holds: [{ ...recorded, recipients: [0, 2] }],
  })
  assert.deepEqual(recordOfHolds([{ do: 'discard', reason: 'x' }]), {})
})

test('recipients whose sender wants to hear nothing of a failure are recorded', () => {
  const to = (notify: readonly ('never' | 'failure' | 'delay')[] | null) => {
    return { address: { local: 'a', domain: 'b.test' }, notify, orcpt: null }
  }
  const envelope = { rcptTo: [to(null), to([]), to(['delay']), to(['failure'])] } as unknown as Envelope
  assert.deepEqual(recordOfUntold(envelope), { untold: [1, 2] })
})
