import type { z } from 'zod'
import type { Source } from './document.ts'
import { nearest } from './nearest.ts'
import { formatKey, type Problem } from './problem.ts'

/** Turns what zod says about plain data into problems at a place in the file. */

type Issue = z.core.$ZodIssue

/** One problem for each thing that is wrong, in the order in which they were found. */
export function problemsOf(issues: readonly Issue[], source: Source): Problem[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((name) => unknownKey(issue, name, source))
    return [paramsOf(issue).key === true ? badKey(issue, source) : wrongValue(issue, source)]
  })
}

// `key`: a map's key is meant, not its value. `whole`: the message is a sentence of its own
const paramsOf = (issue: Issue): { key?: true; whole?: true } => (issue.code === 'custom' ? (issue.params ?? {}) : {})

// what people write where a password would stand; its value is never repeated
const SECRET_KEY = /^(password|passwd|pass|secret|token)$/i

function unknownKey(issue: Issue, name: string, source: Source): Problem {
  const path = [...issue.path, name]
  const known = issue.message.split(' ')
  const near = nearest(name, known)
  const secret = SECRET_KEY.test(name)
  return {
    ...placed(source, path, 'key'),
    message: secret ? NO_SECRETS : unknownText(name, near, known),
    expected: null,
    found: null,
    nearest: secret ? null : near,
  }
}

const NO_SECRETS =
  'secrets are not written in this file: put it in a file and name that with passwordFile, or in an environment variable and name that with passwordEnv'

function unknownText(name: string, near: string | null, known: readonly string[]): string {
  const suggestion = near === null ? `known here: ${known.join(', ')}` : `did you mean '${near}'?`
  return `unknown key '${shortened(name)}'; ${suggestion}`
}

function badKey(issue: Issue, source: Source): Problem {
  const found = describe(String(issue.path.at(-1)))
  const expected = issue.message
  return { ...placed(source, issue.path, 'key'), message: mismatch(expected, found), expected, found, nearest: null }
}

function wrongValue(issue: Issue, source: Source): Problem {
  const place = placed(source, issue.path, 'value')
  if (paramsOf(issue).whole === true) {
    return { ...place, message: issue.message, expected: null, found: null, nearest: null }
  }
  const expected = issue.message
  if (!source.has(issue.path)) {
    return { ...place, message: `is missing; expected ${expected}`, expected, found: 'nothing', nearest: null }
  }
  const found = describe(source.valueAt(issue.path))
  return { ...place, message: mismatch(expected, found), expected, found, nearest: null }
}

const mismatch = (expected: string, found: string): string => `expected ${expected}; found ${found}`

function placed(source: Source, path: readonly PropertyKey[], of: 'key' | 'value') {
  return { file: source.file, ...source.locate(path, of), key: formatKey(path) }
}

function describe(found: unknown): string {
  if (found === null || found === undefined) return 'nothing'
  if (Array.isArray(found)) return found.length === 0 ? 'an empty list' : 'a list'
  if (typeof found === 'object') return 'a map'
  return typeof found === 'string' ? `'${shortened(found)}'` : String(found)
}

const LONGEST = 60

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g

function shortened(text: string): string {
  const clean = text.replace(CONTROL, ' ')
  return clean.length > LONGEST ? `${clean.slice(0, LONGEST)}…` : clean
}
