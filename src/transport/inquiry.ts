import { type SecureStanding, standingOf } from '../mail/secure-domain.ts'
import type { PathQuestion } from './contract.ts'
import { type HostTlsa, lookUpTlsa } from './dane/lookup.ts'
import { type ClearTextException, exceptionFor } from './exceptions.ts'
import type { StsAnswer, StsPolicies } from './mta-sts/policies.ts'
import { namesExchanger } from './mta-sts/policy.ts'
import type { TransportDeps, TransportOptions } from './options.ts'

type Asked = PathQuestion['hosts'][number]

/** One question, and what is found out about it: looked up when a rule first wants it, and once. */
export class Inquiry {
  readonly question: PathQuestion
  readonly options: TransportOptions
  readonly deps: TransportDeps
  readonly now: number
  readonly standing: SecureStanding
  readonly exception: ClearTextException | null
  readonly #policies: Pick<StsPolicies, 'of'>
  readonly #tlsa = new Map<string, Promise<HostTlsa>>()
  #sts: Promise<StsAnswer> | null = null

  constructor(
    question: PathQuestion,
    options: TransportOptions,
    deps: TransportDeps,
    policies: Pick<StsPolicies, 'of'>,
  ) {
    this.question = question
    this.options = options
    this.deps = deps
    this.now = deps.clock.now()
    this.standing = standingOf(question.domain, options.register, this.now)
    this.exception = exceptionFor(question.domain, options.exceptions, this.now)
    this.#policies = policies
  }

  /** Whether DANE and MTA-STS can say anything: not of hosts that an operator named. */
  get isPublic(): boolean {
    return this.question.from !== 'configured' && !this.question.domain.startsWith('[')
  }

  /** Whether the names of the hosts can be relied on as far as DNSSEC goes. RFC 7672 section 2.2.1. */
  get hostsAreSecure(): boolean {
    const { from, exchangersOf, authentic } = this.question
    return authentic || (from === 'configured' && exchangersOf === undefined)
  }

  /** The TLSA records of a host. Without secure names of hosts there is nothing to ask. */
  tlsa({ host, port }: Asked): Promise<HostTlsa> {
    if (!this.hostsAreSecure) return Promise.resolve({ is: 'none', why: 'DNSSEC does not vouch for its exchangers' })
    const key = `${host} ${port}`
    const known = this.#tlsa.get(key) ?? lookUpTlsa(host, port, this.deps.resolver)
    this.#tlsa.set(key, known)
    return known
  }

  /** What was asked about TLSA records so far. */
  async lookedUp(): Promise<{ readonly host: string; readonly tlsa: HostTlsa }[]> {
    const found = [...this.#tlsa].map(async ([key, asked]) => ({ host: key.split(' ')[0] ?? '', tlsa: await asked }))
    return Promise.all(found)
  }

  sts(): Promise<StsAnswer> {
    if (!this.isPublic) return Promise.resolve({ is: 'none', why: 'its hosts are configured', trouble: null })
    if (!this.options.mtaSts) return Promise.resolve({ is: 'none', why: 'delivery.mtaSts is off', trouble: null })
    this.#sts ??= this.#policies.of(this.question.domain)
    return this.#sts
  }

  /** The answer about MTA-STS, if a rule wanted it. */
  async stsSoFar(): Promise<StsAnswer | null> {
    return this.#sts
  }

  /**
   * What the certificate of a host may be named after. Who can forge MX records can name a host of his own, with a
   * certificate of his own: so the host's name counts only where DNSSEC, MTA-STS or the operator vouches for it
   * (RFC 8689 section 4.2.1), or where it lies within the domain; otherwise the domain's own name alone does.
   */
  async namesFor(host: string): Promise<readonly string[]> {
    const { from, exchangersOf, authentic } = this.question
    if (from === 'configured' && exchangersOf === undefined) return [host]
    // an operator who names another domain vouches for its name, and not for what the DNS makes of it
    const domain = exchangersOf ?? this.question.domain
    if (host === domain) return [domain]
    const isWithin = host.endsWith(`.${domain}`)
    return isWithin || authentic || (await this.#isNamedByPolicy(host)) ? [host, domain] : [domain]
  }

  async #isNamedByPolicy(host: string): Promise<boolean> {
    const sts = await this.sts()
    return sts.is === 'policy' && sts.policy.mode !== 'none' && namesExchanger(sts.policy, host)
  }
}
