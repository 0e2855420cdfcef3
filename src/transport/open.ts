import { STS_DEFAULTS, StsPolicies } from './mta-sts/policies.ts'
import { folderStore, noStore } from './mta-sts/store.ts'
import type { TransportDeps, TransportOptions, TransportSetup } from './options.ts'
import { RuledTransport, type Transport } from './security.ts'

export type { TransportDeps, TransportOptions, TransportSetup } from './options.ts'
export type { Transport } from './security.ts'

/** Opens transport security, with the policies that it kept. Rejects if their folder cannot be read or made. */
export async function openTransport(
  options: TransportOptions & TransportSetup,
  deps: TransportDeps,
): Promise<Transport> {
  const store = options.folder === null ? noStore : folderStore(options.folder)
  const policies = await StsPolicies.open({ ...STS_DEFAULTS, ...options.sts }, store, deps)
  return new RuledTransport(options, deps, policies)
}
