import type { Address } from '../mail/address.ts'
import type { Parsed } from './schema/schema.ts'
import type { SecureDomains } from './secure-domains/file.ts'

/** A configuration that was read, checked and completed. Durations are milliseconds, sizes bytes, paths absolute. */
export type Config = Omit<Parsed, 'postmaster' | 'tls' | 'delivery' | 'secureDomains'> & {
  /** The file it came from, absolute. */
  readonly file: string
  readonly postmaster: Address
  readonly tls: Omit<Parsed['tls'], 'requestClientCertificate'> & { readonly requestClientCertificate: boolean }
  readonly delivery: Omit<Parsed['delivery'], 'helo'> & { readonly helo: string }
  /** The register of domains that must only be reached over a proven path; null: there is none. */
  readonly secureDomains: SecureDomains | null
}

export type Listener = Config['listeners'][number]
export type Client = Config['clients'][number]

/** Fills in what follows from other keys. */
export function completed(parsed: Parsed, file: string, secureDomains: SecureDomains | null): Config {
  const byCertificate = parsed.clients.some(({ certificates }) => certificates.length > 0)
  return {
    ...parsed,
    file,
    secureDomains,
    postmaster: parsed.postmaster ?? { local: 'postmaster', domain: parsed.hostname },
    tls: { ...parsed.tls, requestClientCertificate: parsed.tls.requestClientCertificate ?? byCertificate },
    delivery: { ...parsed.delivery, helo: parsed.delivery.helo ?? parsed.hostname },
  }
}
