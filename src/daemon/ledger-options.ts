import { readFileSync, statSync } from 'node:fs'
import type { Config } from '../config/index.ts'
import { PointSigner } from '../ledger/chain/point.ts'
import type { LedgerOptions } from '../ledger/options.ts'
import type { Log } from '../log.ts'

const NOT_THE_OWNER = 0o077
const LARGEST_KEY = 65_536

/** How the ledger is kept. A key that cannot be used stops no mail: the log says so, and checkpoints go unsigned, which `verify` tells. */
export function ledgerOptions({ state, ledger }: Config, log: Log): LedgerOptions {
  return {
    path: state.ledger,
    retentionMs: ledger.retention,
    checkpointMs: ledger.checkpoint,
    key: ledger.key === null ? null : usableKey(ledger.key, log),
  }
}

function usableKey(file: string, log: Log): string | null {
  try {
    return readLedgerKey(file)
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    log.error({ file, why }, 'ledger.key cannot be used: checkpoints of the ledger are not signed')
    return null
  }
}

/** The PEM of a private Ed25519 key that only its owner may read. Throws Error in words. */
export function readLedgerKey(file: string): string {
  const { mode, size } = statSync(file)
  if ((mode & NOT_THE_OWNER) !== 0) throw new Error(`others than the owner of ${file} may read it`)
  if (size > LARGEST_KEY) throw new Error(`${file} is too large for a key`)
  const pem = readFileSync(file, 'utf8')
  new PointSigner(pem)
  return pem
}
