import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** What can be told to clean up: a test, or whatever offers `after`. */
export type Scope = Pick<TestContext, 'after'>

/** A new folder that other users may enter (Postfix's daemons do), removed when the scope ends. */
export function temporaryFolder(scope: Scope, name = 'postern'): string {
  const folder = mkdtempSync(join(tmpdir(), `${name}-`))
  chmodSync(folder, 0o755)
  scope.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }))
  return folder
}
