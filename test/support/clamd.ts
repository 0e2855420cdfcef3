import { type ClamdSettings, setUpClamd } from '../../scripts/lib/scanners/clamd.ts'
import { temporaryFolder } from './folder.ts'
import { type ScannerProcess, startScanner } from './scanner.ts'
import type { Scope } from './scope.ts'

/** Debian's clamd on a Unix socket, or on a port; it knows EICAR as `Eicar-Test-Signature`. */
export const startClamd = (scope: Scope, settings: ClamdSettings = {}): Promise<ScannerProcess> =>
  startScanner(scope, setUpClamd(temporaryFolder(scope, 'clamd'), settings))
