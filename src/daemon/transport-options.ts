import { join } from 'node:path'
import type { Config } from '../config/index.ts'
import { EMPTY_REGISTER } from '../mail/secure-domain.ts'
import {
  openTransport,
  type Transport,
  type TransportDeps,
  type TransportOptions,
  type TransportSetup,
} from '../transport/open.ts'

/** What paths must prove, from the configuration. */
export const transportOptions = ({ delivery, secureDomains }: Config): TransportOptions => ({
  register: secureDomains?.register ?? EMPTY_REGISTER,
  dane: delivery.dane,
  mtaSts: delivery.mtaSts,
  exceptions: delivery.clearText,
})

/** Where policies are kept, and how long one may take to fetch: what stays until the next start. */
export const transportSetup = ({ state, delivery }: Config): TransportSetup => ({
  folder: join(state.dir, 'mta-sts'),
  sts: { timeoutMs: delivery.mtaStsTimeout },
})

/** Opens transport security; policies that domains publish are kept beside the rest of the state. Rejects if that folder cannot be had. */
export const transportOf = (config: Config, deps: TransportDeps): Promise<Transport> =>
  openTransport({ ...transportOptions(config), ...transportSetup(config) }, deps)
