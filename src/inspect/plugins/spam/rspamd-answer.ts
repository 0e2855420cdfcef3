import { ScannerFailure, shown } from '../../scanners/failure.ts'
import { type Opinion, tidySymbols } from './opinion.ts'

/** Rspamd's actions (rspamd.com/doc/architecture/protocol.html), and what they ask for besides the score. */
const WANTS: ReadonlyMap<string, Opinion['wants']> = new Map<string, Opinion['wants']>([
  ['no action', null],
  ['add header', null],
  ['rewrite subject', null],
  ['reject', null],
  ['greylist', 'greylist'],
  ['soft reject', 'defer'],
  ['quarantine', 'hold'],
  // nothing is ever dropped on a scanner's word: a person looks
  ['discard', 'hold'],
])

type Unknown = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Unknown => typeof value === 'object' && value !== null

/** Reads the answer to `/checkv2`. Throws ScannerFailure for anything that is not one. */
export function readRspamdAnswer(text: string): Opinion {
  const { score, action, symbols } = parse(text)
  if (typeof score !== 'number' || !Number.isFinite(score)) throw nonsense('it gave no score')
  const wants = typeof action === 'string' ? WANTS.get(action) : undefined
  if (wants === undefined) throw nonsense(`it gave the action ${shown(String(action))}`)
  if (!isObject(symbols)) throw nonsense('it gave no symbols')
  return { score, wants, symbols: tidySymbols(Object.entries(symbols).map(symbol)) }
}

function parse(text: string): Unknown {
  try {
    const answer: unknown = JSON.parse(text)
    if (isObject(answer)) return answer
  } catch {
    // falls through
  }
  throw nonsense(`its answer is no JSON object: ${shown(text.slice(0, 40))}`)
}

function symbol([name, about]: [string, unknown]): Opinion['symbols'][number] {
  const score = isObject(about) ? about.score : null
  return { name, score: typeof score === 'number' && Number.isFinite(score) ? score : null }
}

const nonsense = (text: string) => new ScannerFailure('nonsense', text)
