import { readFileSync } from 'node:fs'
import { OptionsError, OptionsReader } from '../../options.ts'
import { parseScannerAddress, type ScannerAddress } from '../../scanners/address.ts'

export interface SpamOptions {
  /** In order of preference. */
  readonly hosts:
    | { readonly kind: 'rspamd'; readonly urls: readonly string[]; readonly password: string | null }
    | { readonly kind: 'spamd'; readonly addresses: readonly ScannerAddress[] }
  /** Scores from which something happens; null where it never does. */
  readonly tag: number | null
  readonly hold: number | null
  readonly reject: number | null
  readonly unavailable: 'accept' | 'defer' | 'hold'
  readonly greylist: 'ignore' | 'defer'
  readonly header: 'always' | 'tagged' | 'never'
  /** Stands in front of the subject of marked mail; null: the subject stays. */
  readonly subject: string | null
  /** Bytes; larger messages are not handed over. */
  readonly largest: number
  /** Milliseconds for one message, with waiting and all hosts that are tried. Less than the plugin's deadline, or that one comes first. */
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  /** How long a connection without work is kept: Rspamd's, for spamd has one for each message. */
  readonly idleMs: number
  /** Scans at once at one host, and how many more may wait for it. */
  readonly connections: number
  readonly waiting: number
  readonly checkEveryMs: number
  readonly checkTimeoutMs: number
}

const DAY_MS = 86_400_000
const MIB = 1024 * 1024

/** Reads the options as they stand in the configuration, and the file that holds the password. Throws OptionsError. */
export function parseSpamOptions(raw: unknown): SpamOptions {
  const reader = new OptionsReader('spam', raw)
  const options: SpamOptions = {
    hosts: hostsOf(reader, raw),
    tag: reader.number('tag', -1000, 1000, 6),
    hold: reader.number('hold', -1000, 1000, null),
    reject: reader.number('reject', -1000, 1000, 15),
    unavailable: reader.choice('unavailable', ['accept', 'defer', 'hold'], 'accept'),
    greylist: reader.choice('greylist', ['ignore', 'defer'], 'ignore'),
    header: reader.choice('header', ['always', 'tagged', 'never'], 'always'),
    subject: reader.text('subject'),
    largest: reader.integer('largest', 1024, 1024 * MIB, 10 * MIB),
    timeoutMs: reader.integer('timeout', 100, 600_000, 15_000),
    connectTimeoutMs: reader.integer('connectTimeout', 50, 60_000, 2_000),
    idleMs: reader.integer('idle', 100, 600_000, 10_000),
    connections: reader.integer('connections', 1, 1_000, 20),
    waiting: reader.integer('waiting', 0, 100_000, 1_000),
    checkEveryMs: reader.integer('check', 100, DAY_MS, 10_000),
    checkTimeoutMs: reader.integer('checkTimeout', 50, 600_000, 5_000),
  }
  reader.done()
  return options
}

function hostsOf(reader: OptionsReader, raw: unknown): SpamOptions['hosts'] {
  const { spamd = null } = raw as Readonly<Record<string, unknown>>
  const urls = reader.texts('rspamd', 'http://127.0.0.1:11333').map(checkUrl)
  const file = reader.text('passwordFile')
  const password = file === null ? null : firstLine(file)
  if (spamd === null) {
    reader.text('spamd')
    return { kind: 'rspamd', urls, password }
  }
  return { kind: 'spamd', addresses: reader.texts('spamd').map((text) => parseScannerAddress('spam', 'spamd', text)) }
}

function checkUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  const plain =
    url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && `${url.search}${url.hash}` === ''
  if (!plain || url.username !== '')
    throw new OptionsError(
      `spam: rspamd: expected an address such as http://127.0.0.1:11333, found ${text.slice(0, 100)}`,
    )
  return text
}

function firstLine(file: string): string {
  try {
    const [line = ''] = readFileSync(file, 'utf8').split(/\r?\n/)
    if (/^[\x20-\x7e]{1,1000}$/.test(line)) return line
  } catch (error) {
    throw new OptionsError(`spam: ${file} cannot be read: ${(error as Error).message}`)
  }
  throw new OptionsError(`spam: ${file}: expected a password of printable ASCII on the first line`)
}
