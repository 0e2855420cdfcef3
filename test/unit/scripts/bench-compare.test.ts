import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { barChart } from '../../../scripts/lib/bench/chart/bars.ts'
import { readRound, refuseLoss } from '../../../scripts/lib/bench/compare/chain.ts'
import { chartsOf } from '../../../scripts/lib/bench/compare/charts.ts'
import { readTrace, syncsBefore250 } from '../../../scripts/lib/bench/compare/durability.ts'
import { Journal } from '../../../scripts/lib/bench/compare/journal.ts'
import { latencyOf, percentiles } from '../../../scripts/lib/bench/compare/latency.ts'
import type { Load } from '../../../scripts/lib/bench/compare/loads.ts'
import { compileNative, Sink, send } from '../../../scripts/lib/bench/compare/native.ts'
import { readmeFigures } from '../../../scripts/lib/bench/compare/publish.ts'
import { type Comparison, figuresOf, ratioOf } from '../../../scripts/lib/bench/compare/result.ts'
import { type Figures, judge, NoFigure } from '../../../scripts/lib/bench/compare/round.ts'
import { durabilityTable, gaps, markdown, RELAYED, tables } from '../../../scripts/lib/bench/compare/tables.ts'
import { need } from '../../support/components.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { freePort } from '../../support/ports.ts'
import { defer } from '../../support/scope.ts'
import { waitFor } from '../../support/wait.ts'

const LOAD: Load = {
  ...{ name: 'letter', title: 'letters', sessions: 5, bytes: 2048, keep: true, tls: false },
}

const figures = (relayed: number, again = 0): Figures => ({
  ...{ relayed, accepted: relayed, cpuMs: 1000 / relayed, memoryMiB: 50, again, clientCpuMs: 0.1 },
})

const comparison = (cells: Comparison['cells']): Comparison => ({
  machine: {
    ...{ processor: 'test', cores: 2, memoryGiB: 1, kernel: '6', node: 'v24', openssl: '3', fileSystem: 'ext4' },
    ...{ loadBefore: 0, at: '2026-11-22T00:00:00Z' },
  },
  ...{ quick: false, rounds: 3, loads: [LOAD], missing: { Exim: 'not here' }, latencies: [], cells },
  servers: ['Postfix', 'Postern'].map((name) => ({
    ...{ name, version: '1', durability: 'synced' },
    syncs: {
      median: name === 'Postern' ? 2 : 0,
      least: name === 'Postern' ? 1 : 0,
      most: name === 'Postern' ? 2 : 0,
      calls: [],
    },
  })),
})

const POSTFIX = { load: 'letter', mta: 'Postfix', rounds: [100, 300, 200].map((n) => figures(n)), noFigure: null }
const POSTERN = {
  load: 'letter',
  mta: 'Postern',
  rounds: [figures(900), figures(1000, 2), figures(1100)],
  noFigure: null,
}

test('a comparison gives the medians of the rounds, the most duplicates of any, and ratios to Postfix', () => {
  const whole = comparison([POSTFIX, POSTERN])
  assert.equal(figuresOf(whole, 'letter', 'Postern')?.relayed, 1000)
  assert.equal(figuresOf(whole, 'letter', 'Postern')?.again, 2)
  assert.equal(ratioOf(whole, 'letter', 'Postern', 'relayed'), 5)
  assert.match(
    markdown(whole, RELAYED),
    /^\| letters \| 200 \(100 to 300\): 1\.00× \| 1000 \(900 to 1100\): 5\.00× \|$/m,
  )
})

test('a server that lost mail in one of its rounds gives no figure at all, and the reason stands beside the table', () => {
  const whole = comparison([POSTFIX, { ...POSTERN, noFigure: '3 of them did not arrive' }])
  assert.equal(figuresOf(whole, 'letter', 'Postern'), null)
  assert.equal(ratioOf(whole, 'letter', 'Postern', 'relayed'), null)
  assert.doesNotMatch(tables(whole), /1000/)
  assert.doesNotMatch(chartsOf(whole)[0]?.draw('light') ?? '1000', /1000/)
  assert.deepEqual(gaps(whole), ['Postern, letter: 3 of them did not arrive', 'Exim could not run here: not here'])
})

test('a round in which an acknowledged message did not arrive, or one was not acknowledged, is refused', () => {
  const at = new Map([
    [0, 1],
    [1, 1],
  ])
  judge('Postern', 2, [0, 1], at)
  assert.throws(
    () => judge('Postern', 3, [0, 1, 2], at),
    new NoFigure('Postern acknowledged 3 messages, and 1 of them did not arrive'),
  )
  assert.throws(() => judge('Postern', 3, [0, 1], at), new NoFigure('Postern did not acknowledge 1 of 3 messages'))
})

test('percentiles are nearest ranks, in milliseconds', () => {
  const seconds = Array.from({ length: 200 }, (_, i) => (200 - i) / 1000)
  assert.deepEqual(percentiles(seconds), { p50: 100, p95: 190, p99: 198, max: 200 })
})

test('latency runs from the end of DATA to the answer and to the next hop, and from the moment a message was due', () => {
  const sent = { number: 7, due: 1, end: 2, reply: 2.5, code: 250 }
  const sending = { messages: [sent], began: 1, ended: 2.5, cpuSeconds: 0 }
  const { answer, arrival, whole } = latencyOf('Postern', 1, { figures: figures(1), sending, at: new Map([[7, 3]]) })
  assert.deepEqual([answer.p50, arrival.p50, whole.p50], [500, 1000, 1500])
})

const SERIES = [
  { label: 'Postfix', colour: '#111111' },
  { label: 'Postern', colour: '#222222' },
]

test('a chart is one SVG document in which longer bars stand for more, and a missing bar says why', () => {
  const svg = barChart({
    ...{ title: 'A < B', measure: 'a second', series: SERIES, note: '2 cores' },
    groups: [
      {
        label: 'letters',
        bars: [
          { value: 1, text: '1×' },
          { value: 4, text: '4×' },
        ],
      },
      { label: 'large', bars: [{ value: null, text: 'no figure' }] },
    ],
  })
  const widths = [...svg.matchAll(/<rect x="82" y="\d+" width="([\d.]+)"/g)].map(([, width]) => Number(width))
  assert.deepEqual(widths, [172, 688, 0])
  assert.match(svg, /^<svg [^>]*aria-label="A &lt; B">[\s\S]*<\/svg>\n$/)
  const long = barChart({
    ...{ title: '', measure: '', series: SERIES, note: '' },
    groups: [{ label: '10 KiB, a new TLS connection per message', bars: [undefined, { value: 1, text: '' }] }],
  })
  assert.match(long, />10 KiB, a new TLS connection<.*\n.*>per message</, 'long labels are broken, not clipped')
  assert.doesNotMatch(long, /height="15" fill="#111111"/)
  assert.match(svg, />no figure<\/text>/)
})

test('the load client and the sink agree on which messages were acknowledged and when they arrived', async (t) => {
  if (!need(t, 'gcc')) return
  const folder = temporaryFolder(t)
  const native = await compileNative(folder)
  for (const [keep, rate] of [
    [true, 0],
    [false, 0],
    [true, 400],
  ] as const) {
    const [port, log] = [await freePort(), join(folder, `arrivals-${keep}-${rate}`)]
    const sink = new Sink(native.sink, port, log)
    await sink.start()
    defer(t, () => sink.stop())
    const task = { port, first: 100, count: 40, load: { ...LOAD, keep }, rate, log: join(folder, 'sent') }
    const { messages } = await send(native.client, task)
    await waitFor(() => sink.count() === 40, { what: 'the sink to count all' })
    const { at, again } = sink.arrivals()
    assert.deepEqual(
      messages.map(({ number }) => number),
      Array.from({ length: 40 }, (_, i) => 100 + i),
    )
    for (const { number, code, due, end, reply } of messages) {
      assert.equal(code, 250)
      assert.ok(
        due <= end && end <= reply && (at.get(number) ?? 0) <= reply,
        `the times of ${number} follow one another`,
      )
    }
    assert.equal(again, 0)
  }
})

test('messages that are never answered count as not acknowledged', async (t) => {
  if (!need(t, 'gcc')) return
  const folder = temporaryFolder(t)
  const native = await compileNative(folder)
  const [port, log] = [await freePort(), join(folder, 'sent')]
  // Nothing listens there
  const { messages } = await send(native.client, { port, first: 0, count: 5, load: LOAD, rate: 0, log })
  assert.deepEqual(
    messages.map(({ code }) => code),
    [0, 0, 0, 0, 0],
  )
})

test('a load that is bound by time begins no message after it, and accounts for each one that it began', async (t) => {
  if (!need(t, 'gcc')) return
  const folder = temporaryFolder(t)
  const native = await compileNative(folder)
  const port = await freePort()
  const sink = new Sink(native.sink, port, join(folder, 'arrivals'))
  await sink.start()
  defer(t, () => sink.stop())
  const task = { port, first: 0, count: 1_000_000, seconds: 0.2, load: LOAD, rate: 0, log: join(folder, 'sent') }
  const { messages, began } = await send(native.client, task)
  await waitFor(() => sink.count() === messages.length, { what: 'the sink to count all' })
  assert.ok(messages.length > 0 && messages.length < 1_000_000)
  assert.ok(messages.every(({ due, code }) => code === 250 && due < began + 0.25))
})

test('what a server syncs counts for a message from its first command to its 250, on the clock of the trace', () => {
  const trace = [
    '100.500000 fsync(11</tmp/bench-mta-x/state/spool/spool.db-wal>) = 0 <0.010000>',
    '100.600000 fdatasync(12</tmp/bench-mta-x/queue/1763840000_12>) = -1 EIO (Input/output error) <0.010000>',
    '100.995000 fsync(12</tmp/bench-mta-x/queue/1763840000_12>) = 0 <0.010000>',
    '101.200000 fsync(12</tmp/bench-mta-x/queue/1763840000_12>) = 0 <0.010000>',
  ].join('\n')
  const calls = readTrace(trace)
  assert.deepEqual(
    calls.map(({ what }) => what),
    ['fsync state/spool/spool.db-wal', 'fsync queue/*', 'fsync queue/*'],
  )
  const sent = (due: number, reply: number) => ({ number: 0, due, end: due, reply, code: 250 })
  const { median, least, most } = syncsBefore250([sent(0.4, 1), sent(1.1, 1.4), sent(1.3, 1.4)], calls, 100)
  assert.deepEqual([median, least, most], [1, 0, 1], 'one that ends after the 250, or failed, does not count')
})

test('a server that never syncs before its 250 is named as not durable', () => {
  assert.match(durabilityTable(comparison([])), /^\| Postfix 1 \| \*\*none: not durable\*\*/m)
  assert.match(durabilityTable(comparison([])), /^\| Postern 1 \| 2 \(1 to 2\)/m)
})

test('what the README takes over holds every chart for both kinds of page, the figures and the command that makes them', () => {
  const text = readmeFigures(comparison([POSTFIX, POSTERN]))
  for (const name of ['throughput', 'cpu'])
    assert.match(text, new RegExp(`srcset="scripts/bench.d/published/${name}-dark.svg">\n<img .*/${name}.svg"`))
  assert.match(text, /1000 \(900 to 1100\): 5\.00×/)
  assert.match(text, /`scripts\/bench compare --publish --rounds 3`/)
  assert.match(text, /- Exim could not run here: not here/)
})

test('a run that goes on takes over what was done, failures too; another plan begins anew', async (t) => {
  const file = join(temporaryFolder(t), 'journal.json')
  const before = new Journal(file, { plan: ['a'], resume: false })
  await before.take('one', async () => 1)
  await before.take('two', () => Promise.reject(new Error('lost 3 messages')))
  const after = new Journal(file, { plan: ['a'], resume: true })
  assert.deepEqual(await after.take('one', async () => 7), { value: 1 })
  assert.deepEqual(await after.take('two', async () => 7), { failure: 'lost 3 messages' })
  assert.equal(new Journal(file, { plan: ['b'], resume: true }).size, 0)
  assert.equal(new Journal(file, { plan: ['a'], resume: false }).size, 0)
})

test('a round of the full chain is read from what the instrument prints, and refused where a message is missing', () => {
  const line = 'round 1 postern    accept     900/s  relay     831/s  cpu 1.94 ms/msg  rss 239 MiB  missing 0\n'
  assert.deepEqual(readRound(line), {
    ...{ accepted: 900, relayed: 831, cpuMs: 1.94, memoryMiB: 239, again: 0, clientCpuMs: 0 },
  })
  refuseLoss(line)
  assert.throws(() => refuseLoss(line.replace('missing 0', 'missing 2')), /did not arrive/)
})
