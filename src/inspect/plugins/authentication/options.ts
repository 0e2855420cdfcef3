import { isDirection } from '../../directions.ts'
import { OptionsError, OptionsReader } from '../../options.ts'
import type { Direction } from '../../plugin.ts'
import type { VerifyLimits } from './verifier.ts'

export const ON_FAILURE = ['off', 'tag', 'hold', 'reject'] as const
export type OnFailure = (typeof ON_FAILURE)[number]

/** How a message's sender is proved, and what is done about one that is not. */
export interface AuthenticationOptions {
  /** The name in Authentication-Results; null: the relay's. */
  readonly authservId: string | null
  /** What is looked at. Forged results under our name go from all mail. */
  readonly directions: readonly Direction[]
  /** SPF and DMARC for registered clients as for everybody. */
  readonly checkClients: boolean
  /** What is done where DMARC fails and the author's domain asks for `p=reject`. */
  readonly dmarcReject: OnFailure
  /** Likewise for `p=quarantine`. */
  readonly dmarcQuarantine: OnFailure
  /** What is done about SPF `fail` by itself, whatever DMARC says. */
  readonly spfFail: OnFailure
  /** What is done where From has no author's domain that DMARC could be asked about, or several. */
  readonly unclearAuthor: OnFailure
  /** What is done where the DNS did not answer, and the message would be refused or held without it. */
  readonly temperror: 'defer' | 'continue'
  /** Authors' domains (`.example.test`: all below) and clients for which DMARC is recorded, not enforced. */
  readonly exceptDomains: readonly string[]
  readonly exceptClients: readonly string[]
  /** Whose ARC seals are believed where DMARC fails. */
  readonly trustedSealers: readonly string[]
  /** Questions to the DNS for one message, and the time for all of them, milliseconds. */
  readonly lookups: number
  readonly lookupTimeMs: number
  readonly verify: VerifyLimits
}

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseAuthenticationOptions(raw: unknown): AuthenticationOptions {
  const reader = new OptionsReader('authentication', raw)
  const options: AuthenticationOptions = {
    authservId: reader.text('authservId'),
    directions: directionsOf('authentication', reader.list('directions', ['inbound'])),
    checkClients: reader.flag('checkClients', false),
    dmarcReject: reader.choice('dmarcReject', ON_FAILURE, 'reject'),
    dmarcQuarantine: reader.choice('dmarcQuarantine', ON_FAILURE, 'hold'),
    spfFail: reader.choice('spfFail', ON_FAILURE, 'off'),
    unclearAuthor: reader.choice('unclearAuthor', ON_FAILURE, 'hold'),
    temperror: reader.choice('temperror', ['defer', 'continue'], 'defer'),
    exceptDomains: reader.list('exceptDomains', []).map(lower),
    exceptClients: reader.list('exceptClients', []),
    trustedSealers: reader.list('trustedSealers', []).map(lower),
    lookups: reader.integer('lookups', 10, 1000, 100),
    lookupTimeMs: reader.integer('lookupTime', 100, 600_000, 20_000),
    verify: {
      signatures: reader.integer('signatures', 1, 100, 5),
      arcSets: reader.integer('arcSets', 1, 50, 20),
      fieldBytes: reader.integer('signatureSize', 1024, 65_536, 16_384),
      minRsaBits: reader.integer('minRsaBits', 1024, 4096, 1024),
    },
  }
  reader.done()
  return options
}

const lower = (text: string): string => text.toLowerCase()

export function directionsOf(plugin: string, words: readonly string[]): readonly Direction[] {
  return words.map((word) => {
    if (isDirection(word)) return word
    throw new OptionsError(`${plugin}: expected inbound, outbound or internal, found '${word}'`)
  })
}
