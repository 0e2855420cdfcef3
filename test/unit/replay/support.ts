import { DEFAULTS } from '../../../src/accept/options.ts'
import { type Clock, systemClock } from '../../../src/clock.ts'
import type { PluginEntry } from '../../../src/config/index.ts'
import { MX_ROUTE } from '../../../src/deliver/route.ts'
import { parseAddress } from '../../../src/mail/address.ts'
import type { PluginFact } from '../../../src/mail/custody.ts'
import { EMPTY_REGISTER } from '../../../src/mail/secure-domain.ts'
import { parseNetwork } from '../../../src/net/network.ts'
import { Comparison } from '../../../src/replay/comparison.ts'
import type { Recorded } from '../../../src/replay/recorded.ts'
import { createWorld, type WorldOptions } from '../../../src/replay/world.ts'

/** Only the time of day is asked of it. */
export const clock: Clock = systemClock

type ClientOptions = WorldOptions['accept']['clients'][number]

export function client(name: string, network: string, more: Partial<ClientOptions> = {}): ClientOptions {
  const parsed = parseNetwork(network)
  if (parsed === undefined) throw new Error(`${network} is no network`)
  return { ...DEFAULTS.client, name, networks: [parsed], ...more }
}

export const A = client('a', '10.0.1.0/24')
export const B = client('b', '10.0.2.0/24')

const ACCEPT: WorldOptions['accept'] = {
  hostname: 'postern.test',
  support: null,
  postmaster: null,
  clients: [A, B],
  domains: new Map([['royal.test', { recipients: 'any' }]]),
  recipientCheck: DEFAULTS.recipientCheck,
  outside: DEFAULTS.outside,
  connections: DEFAULTS.connections,
  limits: DEFAULTS.limits,
  holds: DEFAULTS.holds,
}

type More = Partial<Omit<WorldOptions, 'accept'>> & { readonly accept?: Partial<WorldOptions['accept']> }

/** A configuration with two clients and one domain of ours. */
export const worldOptions = ({ accept, ...more }: More = {}): WorldOptions => ({
  accept: { ...ACCEPT, ...accept },
  recipientList: { has: () => false },
  plugins: [],
  routes: { default: MX_ROUTE, domains: new Map() },
  transport: { register: EMPTY_REGISTER, dane: true, mtaSts: true, exceptions: [] },
  sensitive: { secureDomains: () => false, provenRoute: () => false, sensitiveClients: new Set() },
  ...more,
})

export const plugin = (name: string, options: object = {}, more: Partial<PluginEntry> = {}): PluginEntry => ({
  ...{ name, module: null, mode: 'enforce', deadline: 30_000, when: null },
  options: { ...options },
  ...more,
})

/** What a plugin said of a message's content. */
export const result = (name: string, facts: object = {}, more: Partial<PluginFact> = {}): PluginFact => ({
  ...{ plugin: name, hook: 'data', mode: 'enforce', verdict: 'continue', reason: null, failed: false, ms: 1 },
  ...{ facts: { ...facts }, added: [], removed: [], replaced: null },
  ...more,
})

export const address = (text: string) => {
  const parsed = parseAddress(text)
  if (parsed === null) throw new Error(`${text} is no address`)
  return parsed
}

/** A message from client A to elsewhere, in clear. */
export const recorded = (more: Partial<Recorded> = {}): Recorded => ({
  ...{ queueId: '038SE4NY800', at: 0, own: false, client: 'a', address: '10.0.1.1', name: null, helo: 'a.test' },
  ...{ user: null, tls: null, size: 1000, split: false, inspection: [], isCut: false },
  sender: address('ward@royal.test'),
  recipients: [{ address: address('practice@next.test'), state: 'pending' }],
  ...more,
})

export const SAFE = { protocol: 'TLSv1.3', cipher: null, fingerprint: null, verified: null }

/** What is different under another configuration. */
export function compared(inForce: WorldOptions, proposed: WorldOptions, messages: readonly Recorded[]) {
  const comparison = new Comparison(createWorld(inForce, inForce, clock), createWorld(proposed, inForce, clock))
  const list = messages.flatMap((message) => comparison.take(message))
  return { list, ...comparison.result }
}
