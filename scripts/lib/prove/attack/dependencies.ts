import { readFileSync } from 'node:fs'
import { run } from '../../../../test/support/process.ts'
import {
  FILE,
  installedManifest,
  isAllowed,
  listOf,
  problemsOf,
  readLockFile,
  strangersIn,
  usedIn,
} from '../../licences.ts'
import type { Promised, Proof } from '../part.ts'

const AUDIT_MS = 90_000

/** Whether what a running Postern is made of is fixed, free to use, and without a hole that is known. */
export async function proveDependencies(): Promise<Proof> {
  const lock = readLockFile()
  const used = usedIn(lock)
  const problems = [
    ...problemsOf(lock, JSON.parse(readFileSync('package.json', 'utf8'))),
    ...strangersIn(lock, installedManifest),
    ...(readFileSync(FILE, 'utf8') === listOf(used) ? [] : [`${FILE} is out of date`]),
  ]
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
        text: 'The lock file fixes the content of every package, none of them runs scripts or was given up by its authors, and each licence is listed and one of those that are allowed.',
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
  if (typeof counts === 'string') {
    const notes = [`Whether a hole is known could not be asked, so it is not promised: npm audit got ${counts}.`]
    return { holes: 'not told', promises: [], notes }
  }
  const text = 'No hole is known in any of them.'
  return { holes: counts, promises: [{ text, kept: counts === 0, detail: 'npm audit --omit=dev' }], notes: [] }
}

/** How many; or, in words, what came instead. */
export function countsIn(stdout: string): number | string {
  try {
    const { metadata, statusCode, message } = JSON.parse(stdout) as Answer
    const total = metadata?.vulnerabilities?.total
    if (typeof total === 'number') return total
    return statusCode === undefined ? (message ?? 'an answer without counts') : `${statusCode} from the registry`
  } catch {
    return 'no answer'
  }
}

interface Answer {
  readonly metadata?: { readonly vulnerabilities?: { readonly total?: number } }
  readonly statusCode?: number
  readonly message?: string
}
