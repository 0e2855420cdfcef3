import { generateKeyPairSync } from 'node:crypto'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import type { LedgerOptions } from '../../../src/ledger/options.ts'
import { type VerifyOptions, verifyLedger } from '../../../src/ledger/verify/verify.ts'
import { type Scope, temporaryFolder } from '../../support/folder.ts'
import { eventually } from '../spool/support.ts'
import { type OpenedLedger, openTestLedger, Teller } from './support.ts'

export type Database = Sqlite.Database

/** A fresh Ed25519 key. */
export function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  return { pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string, publicKey }
}

/** A ledger that holds `count` entries of one source, from messages of three entries each. */
export async function filled(scope: Scope, count: number, options: Partial<LedgerOptions> = {}): Promise<OpenedLedger> {
  const opened = await openTestLedger(scope, { checkpointEntries: 10, ...options })
  const teller = new Teller(opened.ledger)
  for (let i = 0; i < count; i++) {
    const events = [
      { event: 'received' },
      { event: 'attempt', state: 'pending' },
      { event: 'attempt', state: 'relayed' },
    ]
    teller.tell({ message: Math.floor(i / 3), ...events[i % 3] })
    // A commit each, so that checkpoints lie close together
    if (i % 5 === 4) await eventually(() => teller.acknowledged === i + 1)
  }
  await eventually(() => teller.acknowledged === count)
  teller.close()
  return opened
}

/** The closed file of such a ledger, to be copied and harmed. */
export async function filledFile(scope: Scope, count: number, options: Partial<LedgerOptions> = {}): Promise<string> {
  const opened = await filled(scope, count, options)
  await opened.ledger.close()
  return fileOf(opened)
}

export const fileOf = ({ path }: OpenedLedger): string => join(path, 'ledger.db')

/** Makes copies of a closed ledger, harms each, and verifies it. */
export class Harm {
  readonly #original: string
  readonly #folder: string
  readonly #options: Omit<VerifyOptions, 'path'>
  #copies = 0

  constructor(scope: Scope, original: string, options: Omit<VerifyOptions, 'path'> = {}) {
    this.#original = original
    this.#folder = temporaryFolder(scope, 'harmed')
    this.#options = options
  }

  verify(harm: (db: Database) => void) {
    return verifyLedger({ ...this.#options, path: this.copy(harm) })
  }

  copy(harm: (db: Database) => void): string {
    const path = join(this.#folder, `${this.#copies++}.db`)
    copyFileSync(this.#original, path)
    const db = new Sqlite(path)
    db.pragma('synchronous=OFF')
    harm(db)
    db.close()
    return path
  }
}
