import { setImmediate as turn } from 'node:timers/promises'
import type { Clock } from '../clock.ts'
import type { Log } from '../log.ts'
import { type Address, addressKey } from '../mail/address.ts'
import { Authorities } from './chain.ts'
import {
  type Addition,
  type AddRequest,
  type CertificateEntry,
  type CertificateFilter,
  type CertificateOptions,
  type CertificatePage,
  type CertificateSummary,
  type Certificates,
  CertificatesRefused,
  type Examined,
  type LearnRequest,
} from './contract.ts'
import { Entries, type Held, pemOf, stateOf, toEntry } from './entries.ts'
import { type Examination, examine } from './examine.ts'
import { Journal, type JournalLine } from './journal.ts'

interface Seams {
  readonly log: Log
  readonly clock: Clock
}

const DEFAULT_LIMIT = 100_000
const EXPIRING_MS = 30 * 86_400_000
/** Of one address, so that a message to it has no more recipients than this. */
const MOST_FOR_ONE = 10
const MOST_LEARNT_FOR_ONE = 5
const SIGNED_MAIL = 'signed mail'

/** Opens the store in its file, made if missing; its folder is not. Rejects with Error if the file or the authorities cannot be read. */
export async function openCertificates(path: string, options: CertificateOptions, seams: Seams): Promise<Certificates> {
  const authorities = await authoritiesOf(options)
  const entries = new Entries()
  const { journal, replay } = await Journal.open(path, (line) => entries.take(line))
  const { damagedLine } = replay
  const damage =
    damagedLine === null ? null : `${path}: line ${damagedLine} is damaged; no certificate is used until it is mended`
  if (damage !== null) seams.log.error({ path, line: damagedLine }, 'the store of certificates is damaged')
  return new Store(journal, entries, { damage, authorities, options, seams })
}

const authoritiesOf = ({ authorities }: CertificateOptions): Promise<Authorities> =>
  authorities === null ? Promise.resolve(Authorities.none()) : Authorities.read(authorities)

interface Parts {
  readonly damage: string | null
  readonly authorities: Authorities
  readonly options: CertificateOptions
  readonly seams: Seams
}

class Store implements Certificates {
  readonly #journal: Journal
  readonly #entries: Entries
  readonly #damage: string | null
  readonly #seams: Seams
  #authorities: Authorities
  #options: CertificateOptions
  /** One change after the other: each looks at what the one before it left. */
  #changes: Promise<unknown> = Promise.resolve()

  constructor(journal: Journal, entries: Entries, { damage, authorities, options, seams }: Parts) {
    this.#journal = journal
    this.#entries = entries
    this.#damage = damage
    this.#authorities = authorities
    this.#options = options
    this.#seams = seams
  }

  find(address: Address): readonly { readonly fingerprint: string; readonly pem: string }[] {
    if (this.#damage !== null) return []
    return this.#usable(addressKey(address))
      .toSorted((a, b) => b.notBefore - a.notBefore)
      .slice(0, MOST_FOR_ONE)
      .map(({ fingerprint, der }) => ({ fingerprint, pem: pemOf(der) }))
  }

  #usable(address: string): Held[] {
    const now = this.#seams.clock.now()
    return this.#entries.of(address).filter((held) => stateOf(held, now) === 'usable')
  }

  add(request: AddRequest): Promise<Addition> {
    return this.#change(() => this.#add(request))
  }

  async #add({ certificates, address, by, check }: AddRequest): Promise<Addition> {
    const owner = address === null ? null : addressKey(address)
    const judged: Judged[] = []
    for (const certificate of certificates) {
      judged.push(this.#judge(certificate, owner))
      // examining one takes about a millisecond
      await turn()
    }
    const results = judged.map(({ result }) => result)
    const refused = results.some(({ problems }) => problems.length > 0)
    if (check || refused || results.length === 0) return { stored: false, results }
    await this.#append(judged.flatMap(({ found, result }) => (found === null ? [] : [this.#line(found, result, by)])))
    for (const { fingerprint, addresses } of results)
      this.#seams.log.info({ fingerprint, addresses, by }, 'an operator added a certificate')
    return { stored: true, results }
  }

  #judge(certificate: string, owner: string | null): Judged {
    try {
      const found = examine(certificate, this.#seams.clock.now())
      const addresses = owner === null ? found.emails : [owner]
      const { fingerprint, subject, notAfter } = found
      const problems = [...found.problems, ...this.#distrust(found, []), ...nobody(addresses)]
      const warnings = [...found.warnings, ...stranger(owner, found.emails), ...this.#known(fingerprint, addresses)]
      return { found, result: { fingerprint, subject, addresses, notAfter, problems, warnings } }
    } catch (error) {
      const nothing = { fingerprint: null, subject: null, addresses: [], notAfter: null, warnings: [] }
      return { found: null, result: { ...nothing, problems: [(error as Error).message] } }
    }
  }

  #known(fingerprint: string, addresses: readonly string[]): string[] {
    const known = this.#entries.named(fingerprint).filter(({ address }) => addresses.includes(address))
    return known.map(({ address, withdrawn }) =>
      withdrawn === null ? `it is there already for ${address}` : `${withdrawn.by} had withdrawn it for ${address}`,
    )
  }

  #distrust({ x509 }: Examination, between: readonly string[]): string[] {
    if (this.#options.trust === 'pinned') return []
    const refusal = this.#authorities.refusal(x509, between, this.#seams.clock.now())
    return refusal === null ? [] : [refusal]
  }

  #line(found: Examination, { addresses }: Pick<Examined, 'addresses'>, by: string): JournalLine & { do: 'add' } {
    const { fingerprint, notBefore, notAfter, der } = found
    const certificate = der.toString('base64')
    const at = this.#seams.clock.now()
    return { do: 'add', at, by, how: 'added', addresses, fingerprint, notBefore, notAfter, certificate }
  }

  learn(request: LearnRequest): Promise<{ readonly taken: boolean; readonly why: string | null }> {
    return this.#change(async () => {
      const why = await this.#learn(request)
      return { taken: why === null, why }
    })
  }

  /** Null if it was taken, otherwise why not. */
  async #learn({ certificate, chain, address }: LearnRequest): Promise<string | null> {
    const now = this.#seams.clock.now()
    const owner = addressKey(address)
    const found = readable(certificate, now)
    if (typeof found === 'string') return found
    const [problem] = found.problems
    if (problem !== undefined) return problem
    if (!found.emails.includes(owner)) return 'it does not name the author of the message'
    const known = this.#entries.of(owner)
    // what an operator has withdrawn stays so
    if (known.some(({ fingerprint }) => fingerprint === found.fingerprint)) return 'it is known already'
    if (known.filter(({ how }) => how === 'learnt').length >= MOST_LEARNT_FOR_ONE) return 'too many were learnt for it'
    const refusal = this.#authorities.refusal(found.x509, chain, now)
    if (refusal !== null) return refusal
    await this.#append([{ ...this.#line(found, { addresses: [owner] }, SIGNED_MAIL), how: 'learnt' }])
    this.#seams.log.info({ fingerprint: found.fingerprint, address: owner }, 'a certificate was learnt of signed mail')
    return null
  }

  expire(of: string, by: string): Promise<readonly CertificateEntry[]> {
    return this.#change(async () => {
      const now = this.#seams.clock.now()
      const held = this.#entries.named(nameOf(of)).filter(({ withdrawn }) => withdrawn === null)
      const lines = held.map(({ address, fingerprint }): JournalLine => {
        return { do: 'expire', at: now, by, addresses: [address], fingerprint }
      })
      await this.#append(lines)
      for (const { address, fingerprint } of held)
        this.#seams.log.info({ fingerprint, address, by }, 'an operator withdrew a certificate')
      return held.map((each) => toEntry({ ...each, withdrawn: { at: now, by } }, now))
    })
  }

  list({ of, expiringBefore, after = '0', limit }: CertificateFilter): CertificatePage {
    const now = this.#seams.clock.now()
    const wanted = (held: Held) =>
      expiringBefore === undefined || (stateOf(held, now) === 'usable' && held.notAfter < expiringBefore)
    if (of !== undefined) {
      const found = this.#entries.named(nameOf(of)).filter(wanted)
      return { entries: found.map((held) => toEntry(held, now)), next: null }
    }
    const entries: CertificateEntry[] = []
    for (const [place, held] of this.#entries.from(Number(after))) {
      if (!wanted(held)) continue
      if (entries.length === limit) return { entries, next: String(place) }
      entries.push(toEntry(held, now))
    }
    return { entries, next: null }
  }

  summary(): CertificateSummary {
    const now = this.#seams.clock.now()
    let [usable, expiring] = [0, 0]
    for (const [, held] of this.#entries.from(0)) {
      if (stateOf(held, now) !== 'usable') continue
      usable++
      if (held.notAfter < now + EXPIRING_MS) expiring++
    }
    return { usable, expiring, damage: this.#damage }
  }

  async prepare(options: CertificateOptions): Promise<() => void> {
    const authorities = await authoritiesOf(options)
    return () => {
      this.#authorities = authorities
      this.#options = options
    }
  }

  async close(): Promise<void> {
    await this.#changes.catch(() => {})
    await this.#journal.close()
  }

  #change<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#changes.then(work, work)
    this.#changes = done.catch(() => {})
    return done
  }

  /** The file first: what is in memory is what a restart would find. */
  async #append(lines: readonly JournalLine[]): Promise<void> {
    if (this.#damage !== null) throw new CertificatesRefused(this.#damage)
    if (lines.length === 0) return
    const more = lines.reduce((sum, line) => sum + (line.do === 'add' ? line.addresses.length : 0), 0)
    const { limit = DEFAULT_LIMIT } = this.#options
    if (more > 0 && this.#entries.size + more > limit)
      throw new CertificatesRefused(`The store is full: it holds at most ${limit} certificates.`)
    await this.#journal.append(lines)
    for (const line of lines) this.#entries.take(line)
  }
}

interface Judged {
  readonly found: Examination | null
  readonly result: Examined
}

const nobody = (addresses: readonly string[]): string[] =>
  addresses.length > 0 ? [] : ['it names no mail address; say whose it is (--address)']

const stranger = (owner: string | null, emails: readonly string[]): string[] =>
  owner === null || emails.includes(owner)
    ? []
    : [`it is stored for ${owner}, but names ${emails.length === 0 ? 'nobody' : emails.join(', ')}`]

function readable(certificate: string, now: number): Examination | string {
  try {
    return examine(certificate, now)
  } catch (error) {
    return (error as Error).message
  }
}

const FINGERPRINT = /^[0-9a-f]{64}$/

/** An address or a fingerprint as the store knows it: lower-case, a fingerprint without its colons. */
function nameOf(text: string): string {
  const lower = text.trim().toLowerCase()
  const hex = lower.replaceAll(':', '')
  return FINGERPRINT.test(hex) ? hex : lower
}
