import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Fifo } from '../../../src/deliver/fifo.ts'

describe('a fifo', () => {
  it('does what a list would do, whatever is done to it', () => {
    const step = fc.oneof(
      fc.record({ does: fc.constant('push' as const), item: fc.nat() }),
      fc.record({ does: fc.constant('unshift' as const), item: fc.nat() }),
      fc.record({
        does: fc.constantFrom('shift' as const, 'shift' as const, 'remove' as const, 'drain' as const),
        item: fc.nat(9),
      }),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const fifo = new Fifo<{ n: number }>()
        let list: { n: number }[] = []
        for (const { does, item } of steps) {
          const made = { n: item }
          if (does === 'push') list.push(made)
          if (does === 'push') fifo.push(made)
          if (does === 'unshift') list.unshift(made)
          if (does === 'unshift') fifo.unshift(made)
          if (does === 'shift') assert.equal(fifo.shift(), list.shift())
          const chosen = list[item % Math.max(1, list.length)]
          if (does === 'remove' && chosen) fifo.remove(chosen)
          if (does === 'remove' && chosen) list = list.filter((each) => each !== chosen)
          if (does === 'drain' && item === 0) assert.deepEqual(fifo.drain(), list.splice(0))
          assert.equal(fifo.size, list.length)
        }
        assert.deepEqual([...fifo], list)
      }),
    )
  })

  it('keeps its order over many thousands', () => {
    const fifo = new Fifo<number>()
    let taken = 0
    for (let i = 0; i < 20_000; i++) {
      fifo.push(i)
      if (i % 3 === 0) assert.equal(fifo.shift(), taken++)
    }
    while (fifo.size > 0) assert.equal(fifo.shift(), taken++)
    assert.equal(taken, 20_000)
  })
})
