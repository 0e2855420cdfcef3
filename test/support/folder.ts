import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { defer, type Scope } from './scope.ts'

export type { Scope }

/** A new folder that other users may enter (Postfix's daemons do), removed when the scope ends. */
export function temporaryFolder(scope: Scope, name = 'postern'): string {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  chmodSync(folder, 0o755)
  defer(scope, () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
