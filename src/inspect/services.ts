import type { Address } from '../mail/address.ts'
import type { DmarcObservations } from '../mail/dmarc.ts'
import type { Resolver } from '../net/dns.ts'
import { OptionsError } from './options.ts'
import type { Mode } from './plugin.ts'
import type { WorkerPool } from './pool/pool.ts'
import type { RunContext } from './run.ts'

/** What the daemon lends to built-in plugins. It outlives the chain. */
export interface Services {
  /** The relay's own name. */
  readonly hostname: string
  /** Domains that mail is taken for, lower-case A-labels. */
  readonly domains: ReadonlySet<string>
  readonly resolver: Resolver
  readonly pool: WorkerPool
  /** Whether the register of secure domains lists the domain (lower-case A-labels) as secure at this moment. Left out: there is no register. */
  readonly secureDomains?: (domain: string) => boolean
  /** Whether mail for a domain of ours stays on this machine, in a store or a socket, so that nobody is on its path. Left out: of none. */
  readonly provenRoute?: (domain: string) => boolean
  /** Names of clients all of whose mail is sensitive. */
  readonly sensitiveClients?: ReadonlySet<string>
  /** Left out: no certificate of any recipient is known. */
  readonly certificates?: RecipientCertificates
  /** Left out: nobody makes reports of what DMARC finds. */
  readonly dmarcObservations?: DmarcObservations
}

/** Finds the certificates that a message to an address can be encrypted with. */
export interface RecipientCertificates {
  /**
   * Usable ones (valid now, RSA, meant for encryption) for the whole address, newest first; empty: none is
   * known. From memory, at once; never throws.
   */
  find(address: Address): readonly RecipientCertificate[]
  /** Takes the certificate of a message's author, whose signature was verified, if an authority vouches for it. Left out: nothing is learnt. */
  learn?(found: LearntCertificate): Promise<{ readonly taken: boolean; readonly why: string | null }>
}

export interface LearntCertificate {
  /** PEM. */
  readonly certificate: string
  /** Others that came along and may lead to the authority, PEM. */
  readonly chain: readonly string[]
  readonly address: Address
}

export interface RecipientCertificate {
  /** SHA-256 over the certificate (DER), lower-case hex. */
  readonly fingerprint: string
  readonly pem: string
}

/** What a built-in plugin is made with. */
export interface BuiltInContext extends RunContext {
  /** Left out where a chain is made outside a daemon: plugins that need it cannot be made then. */
  readonly services?: Services
  /** In which mode it will run. */
  readonly mode?: Mode
}

/** Throws OptionsError where there are none. */
export function servicesOf(plugin: string, { services }: BuiltInContext): Services {
  if (services !== undefined) return services
  throw new OptionsError(`${plugin}: this plugin works only within a running relay`)
}
