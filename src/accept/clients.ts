import { NetworkMap } from '../net/network.ts'
import type { AcceptLimits, ClientOptions } from './options.ts'
import { SenderMatcher } from './senders.ts'

/** A registered client, ready to decide by. */
export interface Client {
  readonly name: string
  readonly options: ClientOptions
  /** Null: any sender. */
  readonly senders: SenderMatcher | null
  readonly size: number
  readonly recipients: number
}

/** All registered clients, found by certificate or address. Throws Error if two have the same network or certificate. */
export class ClientTable {
  readonly #networks = new NetworkMap<Client>()
  readonly #fingerprints = new Map<string, Client>()

  constructor(clients: readonly ClientOptions[], limits: AcceptLimits) {
    for (const options of clients) this.#add(options, compile(options, limits))
  }

  #add(options: ClientOptions, client: Client): void {
    for (const network of options.networks) {
      const other = this.#networks.add(network, client)
      if (other !== undefined && other !== client) throw twice(`network ${network.text}`, other, client)
    }
    for (const text of options.fingerprints) {
      const fingerprint = text.replaceAll(':', '').toLowerCase()
      const other = this.#fingerprints.get(fingerprint)
      if (other !== undefined && other !== client) throw twice(`certificate ${fingerprint}`, other, client)
      this.#fingerprints.set(fingerprint, client)
    }
  }

  /** The client with that certificate, else the one whose network holds the address most closely, else null. */
  find(address: string, fingerprint: string | null): Client | null {
    const known = fingerprint === null ? undefined : this.#fingerprints.get(fingerprint)
    return known ?? this.#networks.find(address) ?? null
  }
}

function compile(options: ClientOptions, limits: AcceptLimits): Client {
  return {
    name: options.name,
    options,
    // RFC 5321 section 4.5.5: notifications carry the null reverse-path, so a mail server must be able to send them
    senders: options.senders === null ? null : new SenderMatcher(options.senders, !options.device),
    size: options.size ?? limits.size,
    recipients: options.recipients ?? limits.recipients,
  }
}

const twice = (what: string, a: Client, b: Client) =>
  new Error(`${what} belongs to two clients, ${a.name} and ${b.name}; it can name only one`)
