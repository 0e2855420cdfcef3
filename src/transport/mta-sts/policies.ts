import type { Clock } from '../../clock.ts'
import type { Log } from '../../log.ts'
import type { Metrics } from '../../metrics.ts'
import type { Resolver } from '../../net/dns.ts'
import { type Fetched, type FetchOptions, fetchPolicy, type Trouble } from './fetch.ts'
import { policyId, type StsPolicy } from './policy.ts'
import { type KeptPolicy, keyOf, type PolicyStore } from './store.ts'

export interface StsOptions extends FetchOptions {
  /** Policies that are kept at the most; the one that was not used longest goes first. */
  readonly maxPolicies: number
  /** How long a domain is left alone after a fetch that failed. RFC 8461 section 3.3 suggests five minutes. */
  readonly retryMs: number
  /** How often kept policies are looked through for those to be fetched anew, and those that are over. */
  readonly sweepMs: number
  /** Policies that no mail asked for this long are no longer fetched anew. */
  readonly forgetMs: number
  /** How long after a start no mail goes out to a domain whose kept policy turned out to be damaged and cannot be fetched. */
  readonly lostMs: number
}

export const STS_DEFAULTS: StsOptions = {
  port: 443,
  authorities: null,
  timeoutMs: 30_000,
  maxBytes: 65_536,
  allowLoopback: false,
  maxPolicies: 10_000,
  retryMs: 300_000,
  sweepMs: 3_600_000,
  forgetMs: 30 * 86_400_000,
  lostMs: 4 * 3_600_000,
}

/** What is known of a domain's policy. `trouble`: something failed on the way, whether or not an older policy helps. */
export type StsAnswer =
  | {
      readonly is: 'policy'
      readonly policy: StsPolicy
      readonly id: string
      readonly expiresAt: number
      readonly trouble: Trouble | null
    }
  | {
      readonly is: 'none'
      readonly why: string
      readonly trouble: Trouble | null
      /** There was one, which may have been in force, and nobody knows what it said: nothing may go out for now. */
      readonly lost?: true
    }

interface Seams {
  readonly resolver: Resolver
  readonly clock: Clock
  readonly log: Log
  readonly metrics?: Metrics
}

const MOST_TOLD = 20
const LONGEST_REFRESH_MS = 7 * 86_400_000

/** Policies of domains: looked up, fetched, kept over restarts, and fetched anew before they end. */
export class StsPolicies {
  readonly #options: StsOptions
  readonly #store: PolicyStore
  readonly #seams: Seams
  /** In the order of last use, oldest first. */
  readonly #kept = new Map<string, KeptPolicy>()
  readonly #underWay = new Map<string, Promise<Fetched>>()
  /** By domain: the last fetch that failed. */
  readonly #failures = new Map<string, { readonly at: number; readonly trouble: Trouble }>()
  /** By key of the domain: until when a policy that was kept, and is damaged, is missed. */
  readonly #lost = new Map<string, number>()
  #sweeping: Promise<void> = Promise.resolve()
  #cancel = () => {}
  #closed = false

  private constructor(options: StsOptions, store: PolicyStore, seams: Seams) {
    this.#options = options
    this.#store = store
    this.#seams = seams
  }

  static async open(options: StsOptions, store: PolicyStore, seams: Seams): Promise<StsPolicies> {
    const policies = new StsPolicies(options, store, seams)
    const { kept, damaged } = await store.load()
    policies.#missAll(damaged)
    for (const policy of kept.toSorted((a, b) => a.usedAt - b.usedAt)) policies.#kept.set(policy.domain, policy)
    await policies.#bound()
    policies.#sweepLater()
    return policies
  }

  /** It cannot be told by themselves whose they were: their names say so once mail asks for a domain. */
  #missAll(damaged: readonly string[]): void {
    if (damaged.length === 0) return
    const { clock, log, metrics } = this.#seams
    for (const key of damaged) this.#lost.set(key, clock.now() + this.#options.lostMs)
    metrics?.count('postern_mta_sts_damaged_total', {}, damaged.length)
    const files = damaged.slice(0, MOST_TOLD)
    log.warn(
      { count: damaged.length, files },
      'kept MTA-STS policies are damaged: mail waits until they were fetched anew',
    )
  }

  get size(): number {
    return this.#kept.size
  }

  /** The policy that counts for a domain now. Fetches it where it is new or has changed. Never rejects. */
  async of(domain: string): Promise<StsAnswer> {
    const answer = await this.#seams.resolver.resolveTxt(`_mta-sts.${domain}`)
    const kept = this.#use(domain)
    if (kept === null && this.#lost.has(keyOf(domain))) return this.#recovered(domain, answer)
    // RFC 8461 section 3.1: what is kept counts on, whatever becomes of the record: an attacker may have taken it away
    if (answer.is === 'failed')
      return this.#from(
        kept,
        { type: 'sts-policy-fetch-error', text: `the DNS cannot be asked for _mta-sts.${domain}: ${answer.cause}` },
        'the DNS failed',
      )
    const id = answer.is === 'found' ? policyId(answer.records) : null
    if (id === null) return this.#from(kept, null, 'it publishes none')
    if (kept?.id === id) return this.#from(kept, null, '')
    return this.#fetched(domain, id, kept)
  }

  async #fetched(domain: string, id: string, kept: KeptPolicy | null): Promise<StsAnswer> {
    const fetched = await this.#fetch(domain)
    if (!fetched.ok) return this.#from(kept, fetched.trouble, 'its policy cannot be had')
    const fresh = await this.#keep(domain, id, fetched.policy)
    return { is: 'policy', policy: fetched.policy, id, expiresAt: expiryOf(fresh), trouble: null }
  }

  /**
   * Fetches what was lost, whatever the record says: who took it away would otherwise have what the kept policy was to
   * prevent. Where it cannot be had, nothing may go out for a while, and then it is forgotten.
   */
  async #recovered(domain: string, answer: Awaited<ReturnType<Resolver['resolveTxt']>>): Promise<StsAnswer> {
    const id = answer.is === 'found' ? policyId(answer.records) : null
    const found = await this.#fetched(domain, id ?? '', null)
    if (found.is === 'policy') return found
    const key = keyOf(domain)
    if (this.#seams.clock.now() < (this.#lost.get(key) ?? 0)) {
      return { ...found, why: 'the one that was kept is damaged, and cannot be fetched', lost: true }
    }
    this.#lost.delete(key)
    this.#seams.log.warn({ domain }, 'a damaged MTA-STS policy could not be fetched for long, and is forgotten')
    await this.#stored(() => this.#store.remove(domain))
    return found
  }

  #from(kept: KeptPolicy | null, trouble: Trouble | null, why: string): StsAnswer {
    if (kept === null) return { is: 'none', why, trouble }
    return { is: 'policy', policy: kept.policy, id: kept.id, expiresAt: expiryOf(kept), trouble }
  }

  /** What is kept and still counts. */
  #use(domain: string): KeptPolicy | null {
    const kept = this.#kept.get(domain)
    const now = this.#seams.clock.now()
    if (kept === undefined || expiryOf(kept) <= now) return null
    const used = { ...kept, usedAt: now }
    this.#kept.delete(domain)
    this.#kept.set(domain, used)
    return used
  }

  /** One fetch at a time for one domain, and none for a while after one that failed. */
  #fetch(domain: string): Promise<Fetched> {
    const last = this.#failures.get(domain)
    const ago = this.#seams.clock.now() - (last?.at ?? 0)
    // Less than none: the clock was set back
    if (last !== undefined && ago >= 0 && ago < this.#options.retryMs) {
      return Promise.resolve({ ok: false, trouble: last.trouble })
    }
    const shared = this.#underWay.get(domain)
    if (shared !== undefined) return shared
    const fetching = this.#fetchNow(domain).finally(() => this.#underWay.delete(domain))
    this.#underWay.set(domain, fetching)
    return fetching
  }

  async #fetchNow(domain: string): Promise<Fetched> {
    const fetched = await fetchPolicy(domain, this.#options, this.#seams)
    this.#failures.delete(domain)
    if (!fetched.ok) {
      this.#failures.set(domain, { at: this.#seams.clock.now(), trouble: fetched.trouble })
      this.#seams.log.warn({ domain, trouble: fetched.trouble.text }, 'MTA-STS policy cannot be fetched')
      const oldest = this.#failures.keys().next()
      if (this.#failures.size > this.#options.maxPolicies && !oldest.done) this.#failures.delete(oldest.value)
    }
    return fetched
  }

  async #keep(domain: string, id: string, policy: StsPolicy): Promise<KeptPolicy> {
    const now = this.#seams.clock.now()
    const usedAt = this.#kept.get(domain)?.usedAt ?? now
    const fresh = { domain, id, policy, fetchedAt: now, usedAt }
    this.#kept.delete(domain)
    this.#kept.set(domain, fresh)
    this.#lost.delete(keyOf(domain))
    await this.#stored(() => this.#store.save(fresh))
    await this.#bound()
    return fresh
  }

  async #bound(): Promise<void> {
    for (const domain of this.#kept.keys()) {
      if (this.#kept.size <= this.#options.maxPolicies) return
      await this.#drop(domain)
    }
  }

  async #drop(domain: string): Promise<void> {
    this.#kept.delete(domain)
    await this.#stored(() => this.#store.remove(domain))
  }

  /** What cannot be kept on disk counts all the same, until the next start. */
  async #stored(write: () => Promise<void>): Promise<void> {
    await write().catch((err: unknown) => this.#seams.log.error({ err }, 'MTA-STS policies cannot be kept on disk'))
  }

  #sweepLater(): void {
    if (this.#closed) return
    this.#cancel = this.#seams.clock.after(this.#options.sweepMs, () => {
      this.#sweeping = this.sweep().finally(() => this.#sweepLater())
    })
  }

  /** Drops what is over, and fetches anew what is about to be (RFC 8461 section 3.3). One after the other: nobody waits for it. */
  async sweep(): Promise<void> {
    for (const kept of [...this.#kept.values()]) {
      if (this.#closed) return
      const now = this.#seams.clock.now()
      if (expiryOf(kept) <= now) await this.#drop(kept.domain)
      else if (now >= refreshAt(kept) && now - kept.usedAt < this.#options.forgetMs) await this.#refresh(kept)
    }
  }

  async #refresh({ domain, id }: KeptPolicy): Promise<void> {
    const answer = await this.#seams.resolver.resolveTxt(`_mta-sts.${domain}`)
    const current = answer.is === 'found' ? policyId(answer.records) : null
    const fetched = await this.#fetch(domain)
    if (fetched.ok) await this.#keep(domain, current ?? id, fetched.policy)
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#cancel()
    await this.#sweeping
    await Promise.all([...this.#underWay.values()])
  }
}

const expiryOf = ({ fetchedAt, policy }: KeptPolicy): number => fetchedAt + policy.maxAge * 1000

/** After half of its time, and once a week at least. */
const refreshAt = ({ fetchedAt, policy }: KeptPolicy): number =>
  fetchedAt + Math.min((policy.maxAge * 1000) / 2, LONGEST_REFRESH_MS)
