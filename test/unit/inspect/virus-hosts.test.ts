import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ScannerFailure } from '../../../src/inspect/scanners/failure.ts'
import type { Scanner } from '../../../src/inspect/scanners/host.ts'
import { Hosts, type HostsOptions } from '../../../src/inspect/scanners/hosts.ts'
import { Slots } from '../../../src/inspect/scanners/slots.ts'
import { manualClock } from '../../support/clock.ts'
import { defer } from '../../support/scope.ts'
import { kept, never } from './harness.ts'

/** A scanner whose answers are given by hand: what it does with a job, and how its check ends. */
class ByHand implements Scanner<string, string> {
  readonly name: string
  readonly jobs: string[] = []
  checks = 0
  closed = false
  fault: ScannerFailure | null = null
  sick: ScannerFailure | null = null
  /** Answers nothing, to jobs and checks. */
  hung = false

  constructor(name: string) {
    this.name = name
  }

  async scan(job: string, signal: AbortSignal): Promise<string> {
    this.jobs.push(job)
    if (this.hung) return hang(signal)
    if (this.fault !== null) throw this.fault
    return `${job} by ${this.name}`
  }

  async check(signal: AbortSignal): Promise<string> {
    this.checks++
    if (this.hung) return hang(signal)
    if (this.sick !== null) throw this.sick
    return '1.0'
  }

  close(): void {
    this.closed = true
  }
}

const hang = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))))

const OPTIONS: HostsOptions = {
  timeoutMs: 20_000,
  connections: 10,
  waiting: 100,
  checkEveryMs: 10_000,
  checkTimeoutMs: 2_000,
}

const REFUSED = new ScannerFailure('unreachable', 'connection refused')
const settled = () => sleep(5)

function hosts(t: TestContext, names: readonly string[], options: Partial<HostsOptions> = {}) {
  const clock = manualClock()
  const context = kept(clock)
  const scanners = names.map((name) => new ByHand(name))
  const all = new Hosts('clamd', scanners, { ...OPTIONS, ...options }, context)
  defer(t, () => all.close())
  const [a = new ByHand('none'), b = new ByHand('none')] = scanners
  return { clock, context, all, a, b, scan: (job: string) => all.scan(job, never) }
}

const failed = (kind: string, text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof ScannerFailure)
  assert.equal(error.kind, kind)
  assert.match(error.message, text)
  return true
}

test('messages go to the first host, as long as it answers', async (t) => {
  const { scan, b } = hosts(t, ['a', 'b'])
  assert.equal(await scan('x'), 'x by a')
  assert.equal(await scan('y'), 'y by a')
  assert.deepEqual(b.jobs, [])
})

test('when it fails, the message goes to the next at once, and those after it do not try', async (t) => {
  const { scan, a, context } = hosts(t, ['a', 'b'])
  await settled()
  a.fault = a.sick = REFUSED
  assert.equal(await scan('x'), 'x by b')
  assert.equal(await scan('y'), 'y by b')
  assert.deepEqual(a.jobs, ['x'])
  assert.deepEqual(
    context.lines.map(({ message, host, cause }) => [message, host, cause]),
    [['a scanner does not answer', 'a', 'connection refused']],
  )
})

test('a host that failed is looked at, ever less often, and used as soon as it answers', async (t) => {
  const { scan, a, clock, context } = hosts(t, ['a', 'b'])
  await settled()
  assert.equal(a.checks, 1)
  a.fault = a.sick = REFUSED
  await scan('x')
  for (const [afterMs, checks] of [
    [499, 1],
    [1, 2],
    [999, 2],
    [1, 3],
    [1999, 3],
    [1, 4],
  ] as const) {
    clock.advance(afterMs)
    await settled()
    assert.equal(a.checks, checks, `after ${afterMs} more ms`)
  }
  a.fault = a.sick = null
  clock.advance(4000)
  await settled()
  assert.equal(await scan('y'), 'y by a')
  assert.equal(context.lines.at(-1)?.message, 'a scanner answers again')
  assert.equal(context.lines.length, 2, 'nothing is said again and again')
})

test('when no host answers, messages do not wait for what is known, but try again soon', async (t) => {
  const { scan, a, b, clock } = hosts(t, ['a', 'b'])
  await settled()
  a.fault = b.fault = a.sick = b.sick = REFUSED
  await assert.rejects(scan('x'), failed('unreachable', /^a: connection refused; b: connection refused$/))
  await assert.rejects(scan('y'), failed('unreachable', /^no host answered of late$/))
  assert.deepEqual([a.jobs, b.jobs], [['x'], ['x']])
  clock.advance(500)
  await settled()
  a.fault = a.sick = null
  clock.advance(1000)
  await settled()
  assert.equal(await scan('z'), 'z by a')
})

test('what hangs on a host that does not answer a look is moved to the next', async (t) => {
  const { scan, a, clock } = hosts(t, ['a', 'b'])
  await settled()
  a.hung = true
  const answer = scan('x')
  await settled()
  clock.advance(10_000)
  await settled()
  clock.advance(2_000)
  assert.equal(await answer, 'x by b')
})

test('without another host it waits for its own time, which has an end', async (t) => {
  const { scan, a, clock } = hosts(t, ['a'])
  await settled()
  a.hung = true
  const answer = assert.rejects(scan('x'), failed('late', /a: no answer in 20000 ms/))
  clock.advance(12_000)
  await settled()
  clock.advance(8_000)
  await answer
})

test('what is the fault of one message is not held against the host', async (t) => {
  const { scan, a, all } = hosts(t, ['a', 'b'])
  await settled()
  for (const kind of ['limit', 'refused'] as const) {
    a.fault = new ScannerFailure(kind, 'no')
    assert.equal(await scan('x'), 'x by b')
    assert.ok(all.health().ok)
  }
  a.fault = null
  assert.equal(await scan('y'), 'y by a')
})

test('a message that broke two hosts is not tried on a third', async (t) => {
  const clock = manualClock()
  const scanners = ['a', 'b', 'c'].map((name) => new ByHand(name))
  for (const scanner of scanners) scanner.fault = new ScannerFailure('broken', 'it closed the connection')
  const all = new Hosts('clamd', scanners, OPTIONS, kept(clock))
  defer(t, () => all.close())
  await assert.rejects(all.scan('bomb', never), failed('broken', /^a: .*; b: .*connection$/))
  assert.deepEqual(
    scanners.map(({ jobs }) => jobs.length),
    [1, 1, 0],
  )
})

test('after a break the host is looked at at once', async (t) => {
  const { scan, a, all } = hosts(t, ['a', 'b'])
  await settled()
  a.fault = new ScannerFailure('broken', 'it closed the connection')
  a.sick = REFUSED
  await scan('x')
  await settled()
  assert.equal(a.checks, 2)
  assert.ok(!all.health().ok)
  assert.match(all.health().text, /^clamd: a does not answer since \d{4}-.*: connection refused; b answers \(1\.0\)$/)
})

test('the metric tells which host answers', async (t) => {
  const gauges: [string, number, string][] = []
  const context = kept(manualClock())
  const metrics = {
    ...context.metrics,
    gauge: (name: string, value: number, labels: Readonly<Record<string, string>> = {}) =>
      void gauges.push([name, value, `${labels.scanner} ${labels.host}`]),
  }
  const sick = new ByHand('b')
  sick.sick = REFUSED
  const all = new Hosts('clamd', [new ByHand('a'), sick], OPTIONS, { ...context, metrics })
  defer(t, () => all.close())
  await settled()
  assert.deepEqual(gauges, [
    ['postern_scanner_up', 1, 'clamd a'],
    ['postern_scanner_up', 0, 'clamd b'],
  ])
})

test('after the end nothing is looked at any more', async (t) => {
  const { all, a, clock } = hosts(t, ['a'])
  await settled()
  all.close()
  clock.advance(100_000)
  await settled()
  assert.ok(a.closed)
  assert.equal(a.checks, 1)
})

test('a slot is given to the one who waited longest, and never to one who left', async () => {
  const slots = new Slots(1, 10)
  const release = await slots.take(never)
  const order: string[] = []
  const leaver = new AbortController()
  const left = assert.rejects(slots.take(leaver.signal), failed('busy', /too busy to begin/))
  const first = slots.take(never).then((free) => {
    order.push('first')
    free()
  })
  const second = slots.take(never).then((free) => {
    order.push('second')
    free()
  })
  leaver.abort()
  await left
  release()
  release()
  await Promise.all([first, second])
  assert.deepEqual(order, ['first', 'second'])
  assert.equal(slots.waiting, 0)
  // giving back twice gave no slot away
  const free = await slots.take(never)
  const next = slots.take(never)
  assert.equal(slots.waiting, 1)
  free()
  ;(await next)()
})
