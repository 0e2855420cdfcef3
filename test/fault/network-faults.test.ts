import assert from 'node:assert/strict'
import { test } from 'node:test'
import { playRound } from '../../scripts/lib/prove/network/round.ts'
import { startScanners } from '../../scripts/lib/prove/network/stage.ts'
import { verdict } from '../../scripts/lib/prove/network/verdict.ts'
import { need } from '../support/components.ts'

/** The thousands are `scripts/prove network`. */
const FAULTS = 150
const SEED = 20261122

test('with a fault on every other connection to and from it, all promises about mail and about leaks hold', async (t) => {
  if (!need(t, 'clamd', 'rspamd')) return
  const scanners = await startScanners(t)
  const scope = { after: t.after.bind(t), say: () => {}, isOver: () => false }
  const options = { seed: SEED, faults: FAULTS, sessions: 20, validating: true, scanners }
  const round = await playRound(scope, options)
  assert.ok(round.faults >= FAULTS)
  const broken = verdict([round]).promises.filter(({ kept }) => !kept)
  assert.deepEqual(broken, [])
})
