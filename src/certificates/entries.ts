import type { CertificateEntry, CertificateState } from './contract.ts'
import { fingerprintOf } from './examine.ts'
import type { JournalLine } from './journal.ts'

/** One certificate of one address, as it lies in memory. */
export interface Held {
  readonly address: string
  readonly fingerprint: string
  readonly der: Buffer
  readonly notBefore: number
  readonly notAfter: number
  readonly how: 'added' | 'learnt'
  readonly addedAt: number
  readonly addedBy: string
  readonly withdrawn: { readonly at: number; readonly by: string } | null
}

/** All that the journal tells, by address. */
export class Entries {
  readonly #byAddress = new Map<string, Map<string, Held>>()
  readonly #byFingerprint = new Map<string, Set<string>>()
  /** In the order in which they were first added, which nothing changes: a place in it is a cursor. */
  readonly #order: (readonly [address: string, fingerprint: string])[] = []

  get size(): number {
    return this.#order.length
  }

  /** Throws Error for a line that does not say what it should. */
  take(line: JournalLine): void {
    if (line.do === 'add') this.#add(line)
    else if (line.do === 'expire') this.#withdraw(line)
    else throw new Error('a line says nothing that is known')
  }

  of(address: string): readonly Held[] {
    return [...(this.#byAddress.get(address)?.values() ?? [])]
  }

  /** Of an address, or of a fingerprint. */
  named(text: string): readonly Held[] {
    const addresses = [...(this.#byFingerprint.get(text) ?? [])]
    const found = addresses
      .map((address) => this.#byAddress.get(address)?.get(text))
      .filter((held) => held !== undefined)
    return found.length > 0 ? found : this.of(text)
  }

  /** From a place on, each with its own. */
  *from(place: number): Generator<readonly [place: number, held: Held]> {
    for (let at = place; at < this.#order.length; at++) {
      const [address = '', fingerprint = ''] = this.#order[at] ?? []
      const held = this.#byAddress.get(address)?.get(fingerprint)
      if (held !== undefined) yield [at, held]
    }
  }

  #add({ certificate, fingerprint, addresses, how, at, by, notBefore, notAfter }: JournalLine & { do: 'add' }): void {
    const der = Buffer.from(certificate, 'base64')
    if (fingerprintOf(der) !== fingerprint) throw new Error('a certificate is not the one that it says')
    for (const address of addresses) {
      const dates = { notBefore, notAfter }
      this.#put({ address, fingerprint, der, ...dates, how, addedAt: at, addedBy: by, withdrawn: null })
    }
  }

  #withdraw({ fingerprint, addresses, at, by }: JournalLine & { do: 'expire' }): void {
    for (const address of addresses) {
      const held = this.#byAddress.get(address)?.get(fingerprint)
      if (held === undefined) throw new Error('what was withdrawn was never there')
      this.#put({ ...held, withdrawn: { at, by } })
    }
  }

  #put(held: Held): void {
    const { address, fingerprint } = held
    const own = this.#byAddress.get(address) ?? new Map<string, Held>()
    if (!own.has(fingerprint)) this.#order.push([address, fingerprint])
    own.set(fingerprint, held)
    this.#byAddress.set(address, own)
    this.#byFingerprint.set(fingerprint, (this.#byFingerprint.get(fingerprint) ?? new Set()).add(address))
  }
}

export function stateOf({ withdrawn, notBefore, notAfter }: Held, now: number): CertificateState {
  if (withdrawn !== null) return 'withdrawn'
  if (now >= notAfter) return 'expired'
  return now < notBefore ? 'early' : 'usable'
}

export const pemOf = (der: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END CERTIFICATE-----\n`

export function toEntry(held: Held, now: number): CertificateEntry {
  const { der, withdrawn, ...rest } = held
  return {
    ...rest,
    state: stateOf(held, now),
    withdrawnAt: withdrawn?.at ?? null,
    withdrawnBy: withdrawn?.by ?? null,
    pem: pemOf(der),
  }
}
