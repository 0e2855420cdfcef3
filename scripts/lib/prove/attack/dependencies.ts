import { readFileSync } from 'node:fs'
import { run } from '../../../../test/support/process.ts'
import { isAllowed, problemsOf, readLockFile, usedIn } from '../../licences.ts'
import type { Promised, Proof } from '../part.ts'

const AUDIT_MS = 90_000

/** Whether what a running Postern is made of is fixed, free to use, and without a hole that is known. */
export async function proveDependencies(): Promise<Proof> {
  const lock = readLockFile()
  const used = usedIn(lock)
  const problems = problemsOf(lock, JSON.parse(readFileSync('package.json', 'utf8')))
  const refused = used.filter(({ licence }) => !isAllowed(licence))
  const audit = await audited()
  return {
    tables: [
      {
        title: 'Packages that a running Postern is made of',
        columns: ['packages', 'licences', 'known holes'],
        rows: [[used.length, [...new Set(used.map(({ licence }) => licence))].sort().join(', '), audit.holes]],
      },
    ],
    promises: [
      {
        text: 'The lock file fixes the content of every package, and each licence is one of those that are allowed.',
        kept: problems.length === 0 && refused.length === 0,
        detail: [...problems, ...refused.map(({ name, licence }) => `${name}: ${licence}`)].join('; ') || 'all',
      },
      ...audit.promises,
    ],
    notes: audit.notes,
  }
}

interface Audit {
  readonly holes: string | number
  readonly promises: readonly Promised[]
  readonly notes: readonly string[]
}

/** `npm audit`, which asks the registry. Where none answers that is told, and nothing promised. */
async function audited(): Promise<Audit> {
  const { stdout } = await run('npm', ['audit', '--omit=dev', '--json'], { timeoutMs: AUDIT_MS })
  const counts = countsIn(stdout)
  if (counts === null) {
    const notes = ['Known holes were not asked for: no registry answered npm audit.']
    return { holes: 'not asked', promises: [], notes }
  }
  const text = 'No hole is known in any of them.'
  return { holes: counts, promises: [{ text, kept: counts === 0, detail: 'npm audit --omit=dev' }], notes: [] }
}

function countsIn(stdout: string): number | null {
  try {
    const { metadata } = JSON.parse(stdout) as { metadata?: { vulnerabilities?: { total?: number } } }
    return metadata?.vulnerabilities?.total ?? null
  } catch {
    return null
  }
}
