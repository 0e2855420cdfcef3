import { readdirSync, readlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from '../../../../test/support/components.ts'
import { end, start } from '../../../../test/support/process.ts'
import { defer } from '../../../../test/support/scope.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Bench } from '../part.ts'

const LOCK = join(tmpdir(), 'relaybench.lock')
const DAY_MS = 86_400_000

/** Waits until no other benchmark runs on this machine, and keeps others waiting until the scope ends. */
export async function aloneHere(bench: Bench): Promise<void> {
  // Whoever called us as `flock LOCK …` holds it for us
  if (inherited()) return
  // It must not outlive us, however we end: nobody could measure after that
  const bound = program('setpriv') === null ? [] : ['setpriv', '--pdeathsig', 'KILL']
  const [command = '', ...args] = [...bound, 'flock', '--no-fork', LOCK, 'sh', '-c', 'echo held; exec sleep 100000']
  const holder = await start(command, args)
  defer(bench, () => end(holder))
  const told = setTimeout(() => bench.say(`waiting for another benchmark, which holds ${LOCK}`), 1000)
  await waitFor(() => holder.output().includes('held'), { what: LOCK, timeoutMs: DAY_MS })
  clearTimeout(told)
}

function inherited(): boolean {
  return readdirSync('/proc/self/fd').some((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`) === LOCK
    } catch {
      return false
    }
  })
}
