import type { DmarcObservation, DmarcObservations } from '../mail/dmarc.ts'
import type { ReportedPolicy, TlsFailureType, TlsResult, TlsResults } from '../transport/contract.ts'
import { dayOf } from './day.ts'
import { isSent, type ReportsOptions } from './options.ts'
import { Tally } from './tally.ts'
import type { DmarcRow, TlsRow } from './wire.ts'

const LONGEST_TEXT = 255
const short = (text: string): string => text.slice(0, LONGEST_TEXT)

/**
 * Gathers what is to be reported. On the way of a message it costs one look into a map; `take` gives
 * what was gathered to whoever writes it down.
 */
export class Collector {
  readonly #options: () => ReportsOptions
  readonly tls = new Tally<TlsRow>()
  readonly dmarc = new Tally<DmarcRow>()
  /** Their text, by the policy: delivery shows the same ones again and again. */
  readonly #policies = new WeakMap<ReportedPolicy, string>()

  constructor(options: () => ReportsOptions) {
    this.#options = options
  }

  readonly tlsResults: TlsResults = { add: (result) => this.#addTls(result) }
  readonly dmarcObservations: DmarcObservations = { add: (observation) => this.#addDmarc(observation) }

  #addTls(result: TlsResult): void {
    if (!isSent(this.#options(), 'tls')) return
    for (const policy of policiesOf(result)) this.#countTls(result, this.#textOf(policy))
  }

  #countTls({ at, domain, host, address, failure, localAddress }: TlsResult, policy: string): void {
    const day = dayOf(at)
    // nothing is told of a session that succeeded but that it did
    const row: TlsRow =
      failure === null
        ? { day, domain, policy, failure: '', host: '', localAddress: '', address: '', reason: '' }
        : {
            day,
            domain,
            policy,
            failure: failure.type,
            host,
            localAddress: localAddress ?? '',
            address,
            reason: short(failure.text),
          }
    const key = `${day} ${domain} ${row.failure} ${row.host} ${row.localAddress} ${row.address} ${policy}`
    this.tls.add(key, day, this.#options().limits.gathered, () => row)
  }

  #textOf(policy: ReportedPolicy): string {
    const known = this.#policies.get(policy)
    if (known !== undefined) return known
    const { type, strings, domain, mxHosts } = policy
    const text = JSON.stringify({
      type,
      strings: strings.slice(0, 100).map(short),
      domain,
      mxHosts: mxHosts.slice(0, 100),
    })
    this.#policies.set(policy, text)
    return text
  }

  #addDmarc({ at, published, dkim, ...found }: DmarcObservation): void {
    if (!isSent(this.#options(), 'dmarc')) return
    const day = dayOf(at)
    const signatures = dkim
      .slice(0, 10)
      .map(({ domain, selector, result }) => ({ domain: short(domain), selector: short(selector), result }))
    const row: DmarcRow = {
      day,
      domain: published.domain,
      published: JSON.stringify(published),
      facts: JSON.stringify({ ...found, dkim: signatures }),
    }
    this.dmarc.add(`${day} ${row.domain} ${row.facts}`, day, this.#options().limits.gathered, () => row)
  }
}

/**
 * The policies that a result counts for. A failure of one mechanism is no failure of the other (RFC 8460
 * section 4.3.2); what is wrong with the session itself concerns all that there are.
 */
function policiesOf({ policies, domain, failure }: TlsResult): readonly ReportedPolicy[] {
  if (policies.length === 0) return [{ type: 'no-policy-found', strings: [], domain, mxHosts: [] }]
  if (failure === null || policies.length === 1) return policies
  const about = mechanismOf(failure.type)
  const concerned = policies.filter(({ type }) => type === about)
  return concerned.length === 0 ? policies : concerned
}

const DANE: ReadonlySet<TlsFailureType> = new Set(['tlsa-invalid', 'dnssec-invalid', 'dane-required'])

const mechanismOf = (failure: TlsFailureType): ReportedPolicy['type'] | null => {
  if (failure.startsWith('sts-')) return 'sts'
  return DANE.has(failure) ? 'tlsa' : null
}
