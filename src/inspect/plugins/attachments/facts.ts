import { CHECKS, type Check, type Findings } from './findings.ts'

/** Below the 8192 that a plugin may say of one message. */
const MOST = 8000

interface Facts {
  /** The first of CHECKS that something was found of, or `clean`. */
  readonly state: Check | 'clean'
  readonly parts: number
  readonly [key: string]: unknown
}

/** What stands in the trace: the files, and what was found in each. As much of it as there is room for. */
export function factsOf(findings: Findings, excepted: ReadonlySet<Check>): Facts {
  const { parts, counts } = findings
  const present = CHECKS.filter((check) => counts[check] > 0)
  const head: Facts = { state: present[0] ?? 'clean', parts }
  if (present.length === 0 && findings.files.length === 0) return head
  const ignored = present.filter((check) => excepted.has(check))
  const said = {
    ...head,
    ...(present.length > 0 && { counts: Object.fromEntries(present.map((check) => [check, counts[check]])) }),
    ...(ignored.length > 0 && { excepted: ignored }),
  }
  return withLists(said, findings)
}

/** The lists are halved until all fits. */
function withLists(head: Facts, { files, found }: Findings): Facts {
  const places = found
    .toSorted((a, b) => CHECKS.indexOf(a.check) - CHECKS.indexOf(b.check))
    .map(({ check, path, format, why }) => ({ check, path, format, why }))
  for (let most = 20; ; most = Math.floor(most / 2)) {
    const facts: Facts = {
      ...head,
      ...(files.length > 0 && { files: files.slice(0, most) }),
      ...(places.length > 0 && { found: places.slice(0, most) }),
    }
    if (most === 0 || JSON.stringify(facts).length <= MOST) return facts
  }
}
