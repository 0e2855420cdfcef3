import type { Certificate } from '../../../../test/support/certs.ts'
import type { Group } from './group.ts'
import type { Load } from './loads.ts'

/** Where a server is to run. */
export interface Place {
  /** Its own, new and empty. */
  readonly folder: string
  /** Where it listens on 127.0.0.1: the same port takes STARTTLS and clear. */
  readonly port: number
  /** Port of the sink on 127.0.0.1, to which it relays everything, in clear. */
  readonly sink: number
  /** For STARTTLS, the same for every server. */
  readonly certificate: Certificate
  /** Counts and ends what is started in it. */
  readonly group: Group
}

/** A mail server as it is compared: set up as its makers would for a relay that loses nothing. */
export interface Mta {
  readonly name: string
  /** How it keeps what it acknowledged, in a sentence. */
  readonly durability: string
  /** Why it cannot bear a load, where that is known; null where nothing speaks against it. */
  unfit?(load: Load): string | null
  /** Its version. Throws Missing, with the reason, where it cannot run. */
  version(): Promise<string>
  /** Writes its configuration and starts it; it need not listen yet. */
  start(place: Place): Promise<void>
}
