import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import type { Services } from '../inspect/services.ts'
import { standingOf } from '../mail/secure-domain.ts'

type SensitiveServices = Required<Pick<Services, 'secureDomains' | 'provenRoute' | 'sensitiveClients'>>

/** What the plugin for sensitive mail asks, from the configuration. */
export function sensitiveServices({ secureDomains, domains, clients }: Config, clock: Clock): SensitiveServices {
  return {
    secureDomains: (domain) =>
      secureDomains !== null && standingOf(domain, secureDomains.register, clock.now()).is === 'secure',
    // a host must be in the register even where its route asks for proven TLS: the route may change while mail waits
    provenRoute: (domain) => domains.get(domain)?.route.hops?.some((hop) => 'path' in hop) === true,
    sensitiveClients: new Set(clients.filter(({ sensitive }) => sensitive).map(({ name }) => name)),
  }
}
