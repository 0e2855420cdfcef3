import { chmodSync } from 'node:fs'
import { setUpSpamd } from '../../scripts/lib/scanners/spamd.ts'
import { temporaryFolder } from './folder.ts'
import { freePort } from './ports.ts'
import { type ScannerProcess, startScanner } from './scanner.ts'
import type { Scope } from './scope.ts'

/** Debian's spamd. `X-Points` of 7, 11 or 20 in a message gives it so many points. */
export async function startSpamd(scope: Scope): Promise<ScannerProcess> {
  const folder = temporaryFolder(scope, 'spamd')
  // its children give up root, and read their rules after that
  chmodSync(folder, 0o755)
  return startScanner(scope, setUpSpamd(folder, { port: await freePort() }))
}
