import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure } from '../../../scripts/lib/prove/attack/growth.ts'
import { PARSERS } from '../../../scripts/lib/prove/attack/parser-list.ts'
import { slugOf } from '../../../scripts/lib/prove/attack/parsers.ts'
import { keptSeeds } from '../../support/seeds.ts'

// Processor time, so that a busy machine fails nothing: what they found took minutes, or failed
const SOON_S = 5

for (const { parser, name, text } of keptSeeds()) {
  test(`${parser}: ${name} finds nothing any more`, () => {
    const found = PARSERS.find((one) => slugOf(one) === parser)
    assert.ok(found, `there is no parser ${parser}`)
    const before = process.cpuUsage().user
    assert.equal(failure(found, text), null)
    assert.ok((process.cpuUsage().user - before) / 1e6 < SOON_S)
  })
}

test('Seeds are found', () => {
  assert.ok(keptSeeds().length > 10)
})
