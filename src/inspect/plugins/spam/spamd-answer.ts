import { ScannerFailure, shown } from '../../scanners/failure.ts'
import { type Opinion, tidySymbols } from './opinion.ts'

const STATUS = /^SPAMD\/\d{1,2}\.\d{1,2} (\d{1,5}) ([^\r\n]{0,200})\r\n/
const SCORE = /^Spam: (?:True|False|Yes|No) ; (-?\d{1,6}(?:\.\d{1,6})?) \/ -?\d/im
const LENGTH = /^Content-length: (\d{1,9})$/im

/** Reads the answer to SYMBOLS (spamd/PROTOCOL of SpamAssassin). Throws ScannerFailure for anything that is not a whole one. */
export function readSpamdAnswer(text: string): Opinion {
  const [, code, words = ''] = STATUS.exec(text) ?? []
  if (code === undefined) throw nonsense(text)
  if (code !== '0') throw new ScannerFailure('refused', `it answered ${code} ${shown(words)}`)
  const end = text.indexOf('\r\n\r\n')
  const head = text.slice(0, end).replaceAll('\r', '')
  const [score, length] = [SCORE.exec(head)?.[1], LENGTH.exec(head)?.[1]]
  if (end < 0 || score === undefined || length === undefined) throw nonsense(text)
  const body = text.slice(end + 4)
  if (body.length !== Number(length)) throw new ScannerFailure('broken', 'its answer ends too early')
  const names = body.split(/[,\s]+/).filter((name) => name !== '')
  return { score: Number(score), wants: null, symbols: tidySymbols(names.map((name) => ({ name, score: null }))) }
}

/** Reads the answer to PING, and gives the version of the protocol. */
export function readPong(text: string): string {
  const [, version] = /^SPAMD\/(\d{1,2}\.\d{1,2}) 0 PONG\r\n$/.exec(text) ?? []
  if (version === undefined) throw nonsense(text)
  return `SPAMD/${version}`
}

const nonsense = (text: string) => new ScannerFailure('nonsense', `it answered ${JSON.stringify(shown(text))}`)
