import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { verifyRecord } from '../../../../src/daemon/ledger-verify.ts'
import type { Daemon } from '../../../../test/support/daemon.ts'

/** What is wrong with the databases of a daemon, a line each: set aside, not verifiable, or in disagreement. */
export async function recordProblems(daemon: Daemon): Promise<string[]> {
  const ledger = join(daemon.stateDir, 'ledger')
  const aside = readdirSync(ledger).filter((name) => name.includes('.damaged-'))
  return [...aside.map((name) => `the ledger was set aside as ${name}`), ...(await verified(daemon))]
}

async function verified({ configFile, stateDir }: Daemon): Promise<string[]> {
  const done = await verifyRecord({ file: null, configFile, stateDir, keyFiles: [], withSpool: true })
  if ('wrong' in done) return [...done.wrong]
  return done.report.problems.map(({ what, text }) => `${what}: ${text}`)
}

/** Messages that the spool set aside because it could not read them. */
export const damaged = (daemon: Daemon): number =>
  daemon.logLines.filter(({ msg }) => msg === 'a message in the spool is damaged and was set aside').length
