import { setUpRspamd } from '../../scripts/lib/scanners/rspamd.ts'
import { temporaryFolder } from './folder.ts'
import { freePort } from './ports.ts'
import { type ScannerProcess, startScanner } from './scanner.ts'
import type { Scope } from './scope.ts'

/** Debian's Rspamd. `X-Points: 7` in a message gives it 7 points, `X-Wish: soft reject` that action. */
export const startRspamd = async (scope: Scope): Promise<ScannerProcess> =>
  startScanner(scope, setUpRspamd(temporaryFolder(scope, 'rspamd'), { port: await freePort() }))
