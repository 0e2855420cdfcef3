import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

export const POSTERN = fileURLToPath(new URL('../../postern', import.meta.url))

const execute = promisify(execFile)
const TIMEOUT_MS = 30_000

/** Runs one operator's command and gives its output. Rejects with what it printed when it fails. */
export async function postern(...args: string[]): Promise<string> {
  try {
    return (await execute(POSTERN, args, { timeout: TIMEOUT_MS })).stdout
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { stdout?: string; stderr?: string }
    throw new Error(`scripts/postern ${args.join(' ')} failed:\n${stderr}${stdout}`.trimEnd())
  }
}
