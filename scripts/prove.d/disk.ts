import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from '../../test/support/components.ts'
import { defer } from '../../test/support/scope.ts'
import { type CallsResult, countCalls, failCalls, type Which } from '../lib/prove/disk/calls.ts'
import { type FaultResult, failDisk } from '../lib/prove/disk/faults.ts'
import { type FlipResult, flip, type Kind } from '../lib/prove/disk/flips.ts'
import { fillLedger, flipLedger, LEDGER_FILES, type LedgerFlipResult } from '../lib/prove/disk/ledger-flips.ts'
import { flood, type MemoryResult } from '../lib/prove/disk/memory.ts'
import { cannotLimit } from '../lib/prove/disk/memory-group.ts'
import { cannotFail, cannotMount } from '../lib/prove/disk/mounts.ts'
import { breakDisk, fillDisk } from '../lib/prove/disk/real.ts'
import { buildShim, type Mode } from '../lib/prove/disk/shim.ts'
import { fill } from '../lib/prove/disk/spool-kit.ts'
import { type Amounts, Missing, type Promised, type Proof, type Prover, type Table } from '../lib/prove/part.ts'
import { randomOf } from '../lib/prove/random.ts'

export const amounts: Amounts = {
  calls: { long: 100_000, short: 2, help: 'calls of each kind that are made to fail, each in a run of its own' },
  flips: { long: 1000, short: 15, help: 'places of each kind of file that are altered' },
  spells: { long: 60, short: 4, help: 'spells of each kind in which the disk fails' },
  fills: { long: 300, short: 12, help: 'times that a small disk is filled, to another place each' },
  breaks: { long: 20, short: 2, help: 'times that a mounted disk goes read-only' },
  flood: { long: 120, short: 12, help: 'seconds of flood in little memory' },
}

const KINDS: readonly Kind[] = ['database', 'log', 'content']
const MODES: readonly Mode[] = ['full', 'write', 'sync', 'read', 'readonly']
/** A read that fails under way is told to whoever asked; at a start nobody did. */
const CALLS: readonly Which[] = [
  { mode: 'full', during: 'story', length: 'spell' },
  { mode: 'write', during: 'story', length: 'one' },
  { mode: 'sync', during: 'story', length: 'one' },
  { mode: 'read', during: 'start', length: 'one' },
]
const MESSAGES = 200
/** So many that the spool has forgotten most of what the ledger has. */
const ON_RECORD = 700
/** A look at the ledger takes longer than one at the spool. */
const LEDGER_SHARE = 5
const LIMIT_MIB = 256
/** Too little for the flood: the kernel ends the daemon again and again. */
const TINY_MIB = 40
const CONNECTIONS = 3000

/** What fails is the disk, the file or the memory; what holds is the promise. */
export async function prove(prover: Prover): Promise<Proof> {
  if (program('gcc') === null) throw new Missing('gcc is not installed (scripts/test installs it)')
  const flips = await proveFlips(prover)
  const ledger = await proveLedger(prover)
  const calls = await proveCalls(prover)
  const real = await proveReal(prover)
  const faults = [...(await proveFaults(prover)), ...real.results]
  const limited = cannotLimit()
  const [memory, tiny] = limited === null ? await proveMemory(prover) : [null, null]
  const rows = [memory, tiny].filter((row) => row !== null)
  return {
    tables: [
      callTable(calls),
      flipTable(flips),
      ledgerTable(ledger),
      faultTable(faults),
      ...(rows.length === 0 ? [] : [memoryTable(rows)]),
    ],
    promises: [
      ...callPromises(calls),
      ...flipPromises(flips),
      ledgerPromise(ledger),
      ...faultPromises(faults),
      ...(memory === null ? [] : memoryPromises(memory)),
      ...(tiny === null ? [] : [tinyPromise(tiny)]),
    ],
    notes: [
      'A disk that fails does so in a shim below the real daemon, which lets system calls fail; the small disk is a tmpfs, and the one gone read-only an ext4 on a loop device whose kernel was told of an error. What failed is calls for the shim, and refusals for those two.',
      'Linux makes no disk read-only by hand while a file on it is open for writing, and none writable again after an error unless it is mounted anew. So the daemon was killed before that; that it goes on without a restart is shown by the shim.',
      'Of a database that was cut, messages are gone with its pages. The start refuses and says so; which they are, only the ledger can tell, and the altered spools have none: test/fault/disk-lost-pages.test.ts shows that it names them.',
      'The spools that are altered hang on no ledger, so that damage to the last commit of the log is not looked for here.',
      'In 256 MiB the daemon is started inside its limit; in 40 MiB, in which it could not start, it comes under it afterwards and unawares, and what it had taken before does not count. The peak counts what is cached of files, which the kernel takes back; what the daemon watches does not.',
      ...real.notes,
      ...(limited === null ? [] : [`memory was not limited: ${limited}`]),
    ],
  }
}

/** Null for what there was no time for. The second daemon comes under its limit unawares. */
async function proveMemory(prover: Prover): Promise<[MemoryResult | null, MemoryResult | null]> {
  const seconds = prover.amount('flood')
  const under = (limitMiB: number, isInside: boolean) =>
    prover.isOver() ? null : flood(prover, limitMiB, CONNECTIONS, seconds, { isInside, isOver: () => prover.isOver() })
  return [await under(LIMIT_MIB, true), await under(TINY_MIB, false)]
}

async function proveCalls(prover: Prover): Promise<CallsResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'prove-calls-'))
  defer(prover, () => rmSync(folder, { recursive: true, force: true }))
  const shim = buildShim(folder)
  if (prover.isOver()) return []
  const counts = { story: await countCalls(shim, 'story'), start: await countCalls(shim, 'start') }
  const results: CallsResult[] = []
  for (const which of CALLS) {
    prover.say(`one call after the other fails (${which.mode}, ${which.length}, ${which.during})`)
    const runs = prover.amount('calls')
    results.push(await failCalls(which, { shim, counts: counts[which.during], runs, prover }))
    if (prover.isOver()) break
  }
  return results
}

async function proveFlips(prover: Prover): Promise<FlipResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'prove-disk-'))
  defer(prover, () => rmSync(folder, { recursive: true, force: true }))
  const random = randomOf(prover.seed)
  const filled = await fill(folder, MESSAGES, random)
  const results: FlipResult[] = []
  for (const kind of KINDS) {
    prover.say(`altering ${kind} in ${prover.amount('flips')} places`)
    const result = await flip(filled, join(folder, 'scratch'), kind, prover.amount('flips'), random, prover.isOver)
    for (const finding of result.findings) prover.say(`  ${finding} (seed ${prover.seed})`)
    results.push(result)
    if (prover.isOver()) break
  }
  return results
}

async function proveLedger(prover: Prover): Promise<LedgerFlipResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'prove-ledger-'))
  defer(prover, () => rmSync(folder, { recursive: true, force: true }))
  const random = randomOf(prover.seed)
  if (prover.isOver()) return []
  const filled = await fillLedger(folder, ON_RECORD, random)
  const count = Math.ceil(prover.amount('flips') / LEDGER_SHARE)
  const results: LedgerFlipResult[] = []
  for (const file of LEDGER_FILES) {
    for (const running of [false, true]) {
      prover.say(`altering ${file} in ${count} places, ${running ? 'while it is open' : 'before it is opened'}`)
      if (prover.isOver()) break
      const result = await flipLedger(filled, join(folder, 'scratch'), { file, running, count, random }, prover.isOver)
      for (const finding of result.findings) prover.say(`  ${finding} (seed ${prover.seed})`)
      results.push(result)
    }
  }
  return results
}

async function proveFaults(prover: Prover): Promise<FaultResult[]> {
  const folder = mkdtempSync(join(tmpdir(), 'prove-shim-'))
  defer(prover, () => rmSync(folder, { recursive: true, force: true }))
  const shim = buildShim(folder)
  const results: FaultResult[] = []
  for (const mode of MODES) {
    if (prover.isOver()) break
    prover.say(`a disk that fails (${mode}) in ${prover.amount('spells')} spells`)
    const result = await failDisk(prover, shim, mode, prover.amount('spells'), prover.isOver)
    if (result.restarts > 0) prover.say(`  ended ${result.restarts} times; the last that it said:\n${result.last}`)
    results.push(result)
  }
  return results
}

/** What only root can do, and only where the kernel lets it. */
async function proveReal(prover: Prover): Promise<{ results: FaultResult[]; notes: string[] }> {
  const cannot = cannotMount(prover)
  if (prover.isOver()) return { results: [], notes: [] }
  if (cannot !== null) return { results: [], notes: [`no real disk was filled or broken: ${cannot}`] }
  prover.say(`a small disk that is filled ${prover.amount('fills')} times`)
  const results = [await fillDisk(prover, prover.amount('fills'), prover.isOver)]
  if (prover.isOver()) return { results, notes: [] }
  const without = cannotFail()
  if (without !== null) return { results, notes: [`no real disk was broken: ${without}`] }
  prover.say(`a disk that goes read-only ${prover.amount('breaks')} times`)
  return { results: [...results, await breakDisk(prover, prover.amount('breaks'), prover.isOver)], notes: [] }
}

const callTable = (results: readonly CallsResult[]): Table => ({
  title:
    'A short story (start, mail of six kinds, hold, release, retry, end), in which one call to the disk fails after the other',
  columns: [
    'what fails',
    'during',
    'for',
    'calls',
    'runs',
    'met',
    'acknowledged',
    'lost',
    'twice',
    'restarts',
    'findings',
  ],
  rows: results.map((r) => [
    r.mode,
    r.during,
    r.length,
    r.calls,
    r.runs,
    r.met,
    r.acknowledged,
    r.lost,
    r.twice,
    r.restarts,
    r.findings.length,
  ]),
})

const flipTable = (results: readonly FlipResult[]): Table => ({
  title: `A spool of ${MESSAGES} messages, altered in one place each time`,
  columns: [
    'file',
    'altered',
    'as if nothing was',
    'some set aside',
    'repaired',
    'lost untold',
    'gone with cut pages',
    'sent altered',
  ],
  rows: results.map((r) => [r.kind, r.harms, r.fine, r.aside, r.repaired, r.lost, r.gone, r.wrong]),
})

const ledgerTable = (results: readonly LedgerFlipResult[]): Table => ({
  title: `A ledger of ${ON_RECORD} messages, altered in one place each time`,
  columns: ['file', 'ledger', 'altered', 'record as it was', 'told', 'believed'],
  rows: results.map((r) => [r.file, r.running ? 'open' : 'closed', r.harms, r.same, r.told, r.believed]),
})

const faultTable = (results: readonly FaultResult[]): Table => ({
  title: 'A disk that fails in spells, under load',
  columns: ['what fails', 'spells', 'calls failed', 'acknowledged', 'lost', 'twice', 'refused for now', 'restarts'],
  rows: results.map((r) => [r.mode, r.spells, r.failed, r.acknowledged, r.lost, r.twice, r.refused, r.restarts]),
})

const memoryTable = (results: readonly MemoryResult[]): Table => ({
  title: 'A flood in little memory',
  columns: ['MiB', 'connections', 'refused for now', 'acknowledged', 'lost', 'twice', 'peak MiB', 'killed'],
  rows: results.map((r) => [
    r.limitMiB,
    r.connections,
    r.refused,
    r.acknowledged,
    r.lost,
    r.twice,
    r.peakMiB,
    r.killed,
  ]),
})

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0)

const callPromises = (results: readonly CallsResult[]): Promised[] => [
  {
    text: 'Whichever call to the disk fails, no acknowledged message is lost or altered, and none waits for ever.',
    kept: sum(results.map((r) => r.findings.length)) === 0 && results.every((r) => r.met > 0 || r.runs === 0),
    detail: `${sum(results.map((r) => r.met))} calls met, ${sum(results.map((r) => r.acknowledged))} acknowledged`,
  },
]

const flipPromises = (results: readonly FlipResult[]): Promised[] => [
  {
    text: 'Whatever of the spool is altered, every message goes out as it was stored or is told to be damaged; of a file that was cut, that a part is gone.',
    kept: sum(results.map(({ lost }) => lost)) === 0,
    detail: `${sum(results.map(({ harms }) => harms))} times altered, ${sum(results.map(({ lost }) => lost))} messages lost untold`,
  },
  { text: 'No altered message is sent.', kept: sum(results.map(({ wrong }) => wrong)) === 0 },
]

const ledgerPromise = (results: readonly LedgerFlipResult[]): Promised => ({
  text: 'Whatever of the ledger is altered, the record says what it said, or an alarm or its verification tells that it does not.',
  kept: sum(results.map((r) => r.believed)) === 0,
  detail: `${sum(results.map((r) => r.harms))} times altered, ${sum(results.map((r) => r.told))} told`,
})

/** Of a proof that was ended early, a kind whose spells had not begun is none. */
const faultPromises = (results: readonly FaultResult[]): Promised[] => [
  {
    text: 'However the disk fails, no acknowledged message is lost.',
    kept: sum(results.map(({ lost }) => lost)) === 0,
    detail: `${sum(results.map(({ acknowledged }) => acknowledged))} acknowledged`,
  },
  {
    text: 'Every kind of fault was really met.',
    kept: results.every(({ failed, spells }) => failed > 0 || spells === 0),
  },
  {
    text: 'While it fails, mail is refused for now, never for good.',
    kept: sum(results.map((r) => r.permanent)) === 0,
  },
  {
    text: 'When the disk is well again, mail is taken without a restart.',
    kept: sum(results.map((r) => r.restarts)) === 0,
  },
]

const memoryPromises = (r: MemoryResult): Promised[] => [
  { text: 'In a flood with little memory no acknowledged message is lost.', kept: r.acknowledged > 0 && r.lost === 0 },
  {
    text: 'In a flood, a daemon in little memory refuses for now what it has no memory for, and the kernel does not end it.',
    kept: r.killed === 0 && r.refused > 0,
    detail: `${r.refused} refused, ended ${r.killed} times`,
  },
  { text: 'After it, mail is taken again within the same memory.', kept: r.resumed },
]

const tinyPromise = (r: MemoryResult): Promised => ({
  text: 'A daemon that the kernel ends for want of memory has lost nothing that it acknowledged.',
  kept: r.killed > 0 && r.acknowledged > 0 && r.lost === 0,
  detail: `ended ${r.killed} times, ${r.acknowledged} acknowledged`,
})
