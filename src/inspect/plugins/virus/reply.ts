import { ScannerFailure, shown } from '../../scanners/failure.ts'

/** What clamd made of a message. There is no third thing: whatever else it says is a ScannerFailure. */
export type ScanResult = { readonly clean: true } | { readonly clean: false; readonly virus: string }

const FOUND = /^stream: ([\x21-\x7e][\x20-\x7e]{0,499}) FOUND$/

/** With `AlertExceedsMax yes` clamd says this of what it could not look into to the end. */
const LIMITS = /^Heuristics\.Limits\.Exceeded(\.|$)/

/** Reads the reply to INSTREAM. Clean is `stream: OK` and nothing else. Throws ScannerFailure. */
export function readScanReply(text: string): ScanResult {
  if (text === 'stream: OK') return { clean: true }
  const [, virus] = FOUND.exec(text) ?? []
  if (virus !== undefined && LIMITS.test(virus)) throw new ScannerFailure('limit', shown(virus))
  if (virus !== undefined) return { clean: false, virus: virus.slice(0, 200) }
  throw readError(text)
}

/** Any other reply, as a failure. */
export function readError(text: string): ScannerFailure {
  if (/size limit exceeded/i.test(text)) return new ScannerFailure('limit', shown(text))
  if (/ERROR$/.test(text)) return new ScannerFailure('refused', shown(text))
  return new ScannerFailure('nonsense', `it answered ${JSON.stringify(shown(text))}`)
}
