import { addressKey, parseAddress, parseDomain } from '../../../mail/address.ts'
import type { ReversePath } from '../../../mail/envelope.ts'
import { NetworkMap, parseNetwork } from '../../../net/network.ts'
import { OptionsError } from '../../options.ts'

/** What one word of the list says of senders. */
class Senders {
  readonly addresses = new Set<string>()
  readonly domains = new Set<string>()
  readonly below = new Set<string>()
  readonly networks = new NetworkMap<true>()

  matches(remoteAddress: string, from: ReversePath): string | null {
    if (this.networks.find(remoteAddress) !== undefined) return remoteAddress
    if (from === null) return null
    if (this.addresses.has(addressKey(from))) return addressKey(from)
    return this.domains.has(from.domain) || this.#isBelow(from.domain) ? from.domain : null
  }

  #isBelow(domain: string): boolean {
    for (let dot = domain.indexOf('.'); dot >= 0; dot = domain.indexOf('.', dot + 1)) {
      if (this.below.has(domain.slice(dot + 1))) return true
    }
    return false
  }
}

/** Who is denied, and who is allowed all the same. */
export class SenderList {
  readonly #deny = new Senders()
  readonly #allow = new Senders()

  /**
   * One entry a line: `deny` or `allow`, then a network (`203.0.113.0/24`), an address, a domain
   * (`@a.test`), or all names below one (`@*.a.test`). `#` starts a comment. Throws OptionsError
   * that names the line.
   */
  static parse(text: string, file: string): SenderList {
    const list = new SenderList()
    for (const [index, line] of text.split('\n').entries()) {
      const entry = line.replace(/(^|\s)#.*$/, '').trim()
      if (entry !== '') list.#add(entry, `${file}:${index + 1}`)
    }
    return list
  }

  #add(entry: string, place: string): void {
    const [, word, what = ''] = /^(deny|allow)\s+(\S+)$/.exec(entry) ?? []
    if (word === undefined)
      throw new OptionsError(`${place}: expected 'deny' or 'allow' and one entry, found '${entry}'`)
    if (!addTo(word === 'deny' ? this.#deny : this.#allow, what)) {
      throw new OptionsError(`${place}: expected a network, an address, @domain or @*.domain, found '${what}'`)
    }
  }

  /** What denies this sender, or null. What is allowed by one entry is not denied by another. */
  denies(remoteAddress: string, from: ReversePath): string | null {
    const denied = this.#deny.matches(remoteAddress, from)
    return denied === null || this.#allow.matches(remoteAddress, from) !== null ? null : denied
  }
}

function addTo(senders: Senders, what: string): boolean {
  const [, star, name] = /^@(\*\.)?(.+)$/.exec(what) ?? []
  if (name !== undefined) {
    const domain = parseDomain(name)
    if (domain !== null) (star === undefined ? senders.domains : senders.below).add(domain)
    return domain !== null
  }
  const address = parseAddress(what, { utf8: true })
  if (address !== null) senders.addresses.add(addressKey(address))
  const network = address === null ? parseNetwork(what) : undefined
  if (network !== undefined) senders.networks.add(network, true)
  return address !== null || network !== undefined
}
