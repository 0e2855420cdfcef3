import { OptionsReader } from '../../options.ts'
import { parseScannerAddress, type ScannerAddress } from '../../scanners/address.ts'

export interface VirusOptions {
  /** In order of preference. */
  readonly clamd: readonly ScannerAddress[]
  /** What happens to a message with a virus. */
  readonly action: 'reject' | 'hold' | 'remove'
  /** What happens to a message that no clamd answered for. */
  readonly unavailable: 'defer' | 'hold'
  /** What happens to a message that clamd could not look into to the end because of its limits. */
  readonly overLimits: 'defer' | 'hold' | 'reject'
  /** Whether the refusal names the virus. */
  readonly tellName: boolean
  /** Milliseconds for one message, with waiting and all hosts that are tried. Less than the plugin's deadline, or that one comes first. */
  readonly timeoutMs: number
  readonly connectTimeoutMs: number
  /** How long a connection without work is kept; clamd's own IdleTimeout is 30 s by default. */
  readonly idleMs: number
  /** Scans at once at one host, and how many more may wait for it. */
  readonly connections: number
  readonly waiting: number
  readonly checkEveryMs: number
  readonly checkTimeoutMs: number
}

const DAY_MS = 86_400_000

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseVirusOptions(raw: unknown): VirusOptions {
  const reader = new OptionsReader('virus', raw)
  const options: VirusOptions = {
    clamd: reader.texts('clamd').map((text) => parseScannerAddress('virus', 'clamd', text)),
    action: reader.choice('action', ['reject', 'hold', 'remove'], 'reject'),
    unavailable: reader.choice('unavailable', ['defer', 'hold'], 'defer'),
    overLimits: reader.choice('overLimits', ['defer', 'hold', 'reject'], 'defer'),
    tellName: reader.flag('tellName', true),
    timeoutMs: reader.integer('timeout', 100, 600_000, 25_000),
    connectTimeoutMs: reader.integer('connectTimeout', 50, 60_000, 2_000),
    idleMs: reader.integer('idle', 100, 600_000, 10_000),
    connections: reader.integer('connections', 1, 1_000, 10),
    waiting: reader.integer('waiting', 0, 100_000, 1_000),
    checkEveryMs: reader.integer('check', 100, DAY_MS, 10_000),
    checkTimeoutMs: reader.integer('checkTimeout', 50, 600_000, 5_000),
  }
  reader.done()
  return options
}
