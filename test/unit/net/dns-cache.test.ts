import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { DnsAnswer } from '../../../src/net/dns.ts'
import { DnsCache } from '../../../src/net/dns-cache.ts'
import { manualClock } from '../../support/clock.ts'

const LIMITS = { entries: 3, maxTtl: 100, maxNegativeTtl: 10, failureTtl: 3 }
const FOUND: DnsAnswer<string> = { is: 'found', records: ['x'] }
const NONE: DnsAnswer<string> = { is: 'none', why: 'nodata' }
const FAILED: DnsAnswer<string> = { is: 'failed', cause: 'SERVFAIL' }

function cacheOf(limits = LIMITS) {
  const clock = manualClock()
  const cache = new DnsCache(limits, clock)
  let asked = 0
  const get = (question: string, answer: DnsAnswer<string>, ttl: number) =>
    cache.get(question, async () => {
      asked++
      return { answer, ttl }
    })
  return { clock, cache, get, asked: () => asked }
}

describe('the cache of DNS answers', () => {
  const cases: [title: string, answer: DnsAnswer<string>, ttl: number, seconds: number][] = [
    ['keeps what was found for its TTL', FOUND, 40, 40],
    ['keeps what was found no longer than maxTtl', FOUND, 5000, 100],
    ['keeps "none" no longer than maxNegativeTtl', NONE, 5000, 10],
    ['keeps a failure for failureTtl whatever its TTL', FAILED, 5000, 3],
  ]
  for (const [title, answer, ttl, seconds] of cases) {
    it(title, async () => {
      const { clock, get, asked } = cacheOf()
      await get('q', answer, ttl)
      clock.advance(seconds * 1000 - 1)
      assert.deepEqual(await get('q', answer, ttl), answer)
      assert.equal(asked(), 1)
      clock.advance(1)
      await get('q', answer, ttl)
      assert.equal(asked(), 2)
    })
  }

  it('asks anew when the clock was set back: how old an answer is cannot be known', async () => {
    const { clock, get, asked } = cacheOf()
    await get('q', FOUND, 40)
    clock.jump(-3_600_000)
    await get('q', FOUND, 40)
    assert.equal(asked(), 2)
  })

  it('never keeps a failure longer than five seconds', async () => {
    const { clock, get, asked } = cacheOf({ ...LIMITS, failureTtl: 3600 })
    await get('q', FAILED, 0)
    clock.advance(5000)
    await get('q', FAILED, 0)
    assert.equal(asked(), 2)
  })

  it('does not keep an answer whose TTL is zero', async () => {
    const { cache, get } = cacheOf()
    await get('q', FOUND, 0)
    assert.equal(cache.size, 0)
  })

  it('lets equal questions under way share one answer', async () => {
    const { get, asked } = cacheOf()
    const answers = await Promise.all([get('q', FOUND, 9), get('q', FOUND, 9), get('r', FOUND, 9)])
    assert.deepEqual(answers, [FOUND, FOUND, FOUND])
    assert.equal(asked(), 2)
  })

  it('forgets what was not asked for longest when it is full', async () => {
    const { cache, get, asked } = cacheOf()
    for (const question of ['a', 'b', 'c', 'a', 'd']) await get(question, FOUND, 50)
    assert.equal(cache.size, 3)
    assert.equal(asked(), 4)
    await get('a', FOUND, 50)
    assert.equal(asked(), 4)
    await get('b', FOUND, 50)
    assert.equal(asked(), 5)
  })
})
