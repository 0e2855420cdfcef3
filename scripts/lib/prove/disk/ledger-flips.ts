import { join } from 'node:path'
import type { Alarms } from '../../../../src/alarms.ts'
import { openLedger } from '../../../../src/ledger/open.ts'
import { compareWithSpool } from '../../../../src/ledger/verify/agreement.ts'
import { LedgerMessages } from '../../../../src/ledger/verify/messages.ts'
import { verifyLedger } from '../../../../src/ledger/verify/verify.ts'
import { silentLog } from '../../../../src/log.ts'
import { noMetrics } from '../../../../src/metrics.ts'
import { SpoolAudit } from '../../../../src/spool/audit.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Random } from '../random.ts'
import { toTheEnd } from '../scope.ts'
import { alter, describe } from './flips.ts'
import { clock, copy, fill, open } from './spool-kit.ts'

export const LEDGER_FILES = ['ledger.db', 'ledger.db-wal'] as const

export interface LedgerFlipResult {
  readonly file: (typeof LEDGER_FILES)[number]
  /** Whether the ledger was open when it was altered. */
  readonly running: boolean
  readonly harms: number
  /** All entries are what they were. */
  readonly same: number
  /** Some are not, and an alarm or a verification says so. */
  readonly told: number
  /** Some are not, and nobody says so, or what was told made no sense. */
  readonly believed: number
  readonly findings: readonly string[]
}

/** A spool and a ledger that has taken its journal, in one folder as `spool` and `ledger`: as a crash leaves both, and as an orderly end does. */
export interface LedgerFilled {
  readonly crashed: string
  readonly ended: string
}

/** So many messages that the spool has forgotten what the ledger has of most of them. */
export async function fillLedger(folder: string, count: number, random: Random): Promise<LedgerFilled> {
  const work = join(folder, 'ledger-work')
  const opened = await openRecord(work, new Heard())
  const filled = await fill(work, count, random, opened.connect)
  const [crashed, ended] = [join(folder, 'ledger-crashed'), join(folder, 'ledger-ended')]
  copy(filled.folder, join(crashed, 'spool'))
  copy(join(work, 'ledger'), join(crashed, 'ledger'))
  await opened.ledger.close()
  copy(crashed, ended)
  await live(ended, () => {})
  return { crashed, ended }
}

/** Alters the ledger in one place each time, stopped or running, and looks whether what is on record now is told or true. */
export async function flipLedger(
  { crashed, ended }: LedgerFilled,
  scratch: string,
  { file, running, count, random }: { file: LedgerFlipResult['file']; running: boolean; count: number; random: Random },
  isOver = toTheEnd,
): Promise<LedgerFlipResult> {
  const filled = file === 'ledger.db' ? ended : crashed
  copy(filled, scratch)
  const { entries: before } = await live(scratch, () => {})
  const total = { harms: 0, same: 0, told: 0, believed: 0 }
  const findings: string[] = []
  for (; total.harms < count && !isOver(); total.harms++) {
    copy(filled, scratch)
    let what = ''
    const harm = () => {
      what = describe(alter(join(scratch, 'ledger'), file, random))
    }
    if (!running) harm()
    const after = await live(scratch, running ? harm : () => {}).catch((error: Error) => error)
    // A start that is refused is told, too: a file of newer code, or of another kind
    if (after instanceof Error ? after.name === 'DatabaseRefused' : after.told.length > 0) total.told++
    else if (!(after instanceof Error) && after.entries === before) total.same++
    else {
      total.believed++
      findings.push(
        `${what} (${running ? 'running' : 'stopped'}): ${after instanceof Error ? after.stack : 'believed'}`,
      )
    }
  }
  return { file, running, ...total, findings }
}

class Heard implements Alarms {
  readonly texts: string[] = []
  raise(_key: string, text: string): void {
    this.texts.push(text)
  }
  clear(): void {}
}

async function openRecord(folder: string, alarms: Alarms) {
  const seams = { log: silentLog, metrics: noMetrics, clock, alarms }
  const ledger = await openLedger({ path: join(folder, 'ledger'), gatherMs: 1 }, seams)
  return { ledger, connect: () => ledger.connect() }
}

/** Opens both, lets the spool tell what it still has, does the harm, closes both, and reads what is on record then. */
async function live(folder: string, harm: () => void): Promise<{ told: readonly string[]; entries: string }> {
  const heard = new Heard()
  const { ledger } = await openRecord(folder, heard)
  const spool = await open(join(folder, 'spool'))
  try {
    spool.connectJournal(ledger.connect())
    const isTold = async () =>
      (await spool.look({ before: 0, most: 1, expiredBefore: 0, noticeBefore: null, now: clock.now() })).journal ===
      null
    await waitFor(isTold, { what: 'the ledger to take the journal', timeoutMs: 5000 }).catch(() => {})
    harm()
  } finally {
    await spool.close()
    await ledger.close()
  }
  const path = join(folder, 'ledger', 'ledger.db')
  return {
    told: [...heard.texts, ...(await verified(path, join(folder, 'spool', 'spool.db')))],
    entries: entriesOf(path),
  }
}

async function verified(path: string, spool: string): Promise<string[]> {
  const audit = new SpoolAudit(spool)
  try {
    const problems = [...verifyLedger({ path, keys: [] }).problems, ...(await compareWithSpool(path, audit)).list]
    return problems.map(({ text }) => text)
  } catch (error) {
    // An operator's command that says what SQLite cannot read
    if ((error as Error).name === 'SqliteError') return [(error as Error).message]
    throw error
  } finally {
    audit.close()
  }
}

function entriesOf(path: string): string {
  try {
    const messages = new LedgerMessages(path)
    try {
      return JSON.stringify([...messages.ids(1000)].map((id) => messages.entries(id)))
    } finally {
      messages.close()
    }
  } catch (error) {
    return String(error)
  }
}
