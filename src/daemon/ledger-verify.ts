import type { KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatProblem, loadConfig } from '../config/index.ts'
import { publicKeyOf } from '../ledger/chain/point.ts'
import { compareWithSpool } from '../ledger/verify/agreement.ts'
import { NoLedger, requireReadable } from '../ledger/verify/file.ts'
import type { LedgerProblem, VerifyReport } from '../ledger/verify/report.ts'
import { type VerifyOptions, verifyLedger } from '../ledger/verify/verify.ts'
import { SpoolAudit } from '../spool/audit.ts'
import { readLedgerKey } from './ledger-options.ts'

export type { LedgerProblem, VerifyReport }

/** What an operator asks for. */
export interface LedgerVerifyRequest extends Pick<VerifyOptions, 'expect' | 'fromCheckpoint' | 'onProgress'> {
  /** The ledger's file; null for the one of the configuration. */
  readonly file: string | null
  readonly configFile: string
  /** In place of the configuration's `state.dir`. */
  readonly stateDir: string | null
  /** Files of keys (PEM, private or public) that signatures may come from, besides the configuration's. */
  readonly keyFiles: readonly string[]
  /** Compare with the spool of the configuration too. */
  readonly withSpool: boolean
}

/** `wrong`: the request or the configuration, one line each; nothing was verified. */
export type LedgerVerified =
  | { readonly report: VerifyReport }
  | { readonly wrong: readonly string[]; readonly config: boolean }

/** Verifies a ledger's file, beside a running daemon or without one. */
export async function verifyRecord(request: LedgerVerifyRequest): Promise<LedgerVerified> {
  const places = findPlaces(request)
  if ('wrong' in places) return places
  try {
    const keys = [...places.keys, ...request.keyFiles.map(readPublicKey)]
    const { expect, fromCheckpoint, onProgress } = request
    const asked = { path: places.ledger, keys, expect, fromCheckpoint, onProgress }
    const report = verifyLedger(withoutUndefined(asked))
    return { report: request.withSpool ? await andSpool(report, places) : report }
  } catch (error) {
    if (error instanceof NoLedger || error instanceof RangeError) return { wrong: [error.message], config: false }
    if (isSqlite(error)) return { wrong: [`${places.ledger} cannot be read: ${error.message}`], config: false }
    throw error
  }
}

const isSqlite = (error: unknown): error is Error => error instanceof Error && error.name === 'SqliteError'

const withoutUndefined = (asked: { [K in keyof VerifyOptions]: VerifyOptions[K] | undefined }): VerifyOptions =>
  Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== undefined)) as unknown as VerifyOptions

interface Places {
  readonly ledger: string
  readonly spool: string | null
  readonly keys: readonly KeyObject[]
}

type Wrong = { readonly wrong: readonly string[]; readonly config: boolean }

function findPlaces({ file, configFile, stateDir, withSpool }: LedgerVerifyRequest): Places | Wrong {
  if (file !== null && !withSpool) return { ledger: file, spool: null, keys: [] }
  const loaded = loadConfig(configFile, { env: process.env, ...(stateDir !== null && { stateDir }) })
  if (!loaded.ok) return { wrong: loaded.problems.map(formatProblem), config: true }
  const { state, ledger } = loaded.config
  const places = { ledger: file ?? join(state.ledger, 'ledger.db'), spool: join(state.spool, 'spool.db') }
  if (ledger.key === null) return { ...places, keys: [] }
  try {
    return { ...places, keys: [publicKeyOf(readLedgerKey(ledger.key))] }
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    const remedy = 'run this as the user of the daemon, or give --file and its public part with --key'
    return { wrong: [`ledger.key cannot be read (${why}): ${remedy}`], config: true }
  }
}

function readPublicKey(file: string): KeyObject {
  try {
    return publicKeyOf(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new RangeError(`${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

async function andSpool(report: VerifyReport, { ledger, spool }: Places): Promise<VerifyReport> {
  if (spool === null) return report
  requireReadable(spool)
  const audit = new SpoolAudit(spool)
  try {
    const { list, more } = await compareWithSpool(ledger, audit)
    return {
      ...report,
      ok: report.ok && list.length === 0,
      problems: [...report.problems, ...list],
      more: report.more + more,
    }
  } finally {
    audit.close()
  }
}
