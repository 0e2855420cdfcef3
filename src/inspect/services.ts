import type { Resolver } from '../net/dns.ts'
import { OptionsError } from './options.ts'
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
}

/** What a built-in plugin is made with. */
export interface BuiltInContext extends RunContext {
  /** Left out where a chain is made outside a daemon: plugins that need it cannot be made then. */
  readonly services?: Services
}

/** Throws OptionsError where there are none. */
export function servicesOf(plugin: string, { services }: BuiltInContext): Services {
  if (services !== undefined) return services
  throw new OptionsError(`${plugin}: this plugin works only within a running relay`)
}
