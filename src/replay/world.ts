import { isDeepStrictEqual } from 'node:util'
import type { AcceptOptions } from '../accept/options.ts'
import { compilePolicy, type Policy } from '../accept/policy.ts'
import type { RecipientList } from '../accept/ports.ts'
import { Recipients } from '../accept/recipients.ts'
import type { Clock } from '../clock.ts'
import type { PluginEntry } from '../config/index.ts'
import type { RouteTable } from '../deliver/route.ts'
import { createChain } from '../inspect/chain.ts'
import type { Services } from '../inspect/services.ts'
import { type Condition, compileWhen } from '../inspect/when.ts'
import { silentLog } from '../log.ts'
import { noMetrics } from '../metrics.ts'
import type { TransportOptions } from '../transport/options.ts'
import { type Judge, judgeOf } from './judges/judges.ts'

/** A configuration, as far as messages of the past can be judged by it. daemon/replay.ts makes it. */
export interface WorldOptions {
  readonly accept: AcceptOptions
  readonly recipientList: RecipientList
  /** The chain, in its order. */
  readonly plugins: readonly PluginEntry[]
  readonly routes: RouteTable
  readonly transport: TransportOptions
  readonly sensitive: Required<Pick<Services, 'secureDomains' | 'provenRoute' | 'sensitiveClients'>>
}

/** A plugin at its place in the chain. */
export interface WorldLink {
  readonly entry: PluginEntry
  readonly when: Condition | null
  readonly judge: Judge
  /** Its options are those of the configuration in force. */
  readonly isSame: boolean
  /** Beside the configuration in force: whether what cannot be told of it cannot be told there either. */
  readonly is: 'same' | 'changed' | 'new'
}

/** A configuration made ready to judge by. */
export interface World {
  readonly options: WorldOptions
  readonly policy: Policy
  /** Of the configuration in force. */
  readonly before: Policy
  readonly recipients: Recipients
  readonly links: readonly WorldLink[]
  /** What nobody can tell of any message from outside, or of any at all, beside the configuration in force. */
  readonly blind: readonly string[]
  readonly now: number
}

/**
 * Makes a configuration ready. `inForce` is the one that the results on record are taken to come from: itself,
 * for the configuration in force. Throws, in words for the operator, where the configuration cannot be used.
 */
export function createWorld(options: WorldOptions, inForce: WorldOptions, clock: Clock): World {
  const links: WorldLink[] = []
  for (const entry of options.plugins) {
    const isSame = isUnchanged(entry, options, inForce)
    const judge = judgeOf(entry, options, inForce)
    links.push({ entry, when: compileWhen(entry.when), judge, isSame, is: standingOf(entry, isSame, inForce) })
  }
  return {
    options,
    policy: policyOf(options.accept, clock),
    before: policyOf(inForce.accept, clock),
    // a domain's own server is not asked: it knew the recipients then
    recipients: new Recipients(options.recipientList, { lookup: () => 'exists' }, clock),
    links,
    blind: blindSpots(options.accept, inForce.accept),
    now: clock.now(),
  }
}

function policyOf(accept: AcceptOptions, clock: Clock): Policy {
  const { headerBytes: bytes, headerFields: fields, size: content } = accept.limits
  const seams = { clock, log: silentLog, metrics: noMetrics }
  return compilePolicy(accept, createChain([], { bytes, fields, content }, seams))
}

const counterpart = ({ name, module }: PluginEntry, { plugins }: WorldOptions): PluginEntry | undefined =>
  plugins.find((each) => each.name === name && each.module === module)

function standingOf(entry: PluginEntry, isSame: boolean, inForce: WorldOptions): WorldLink['is'] {
  const before = counterpart(entry, inForce)
  if (before === undefined) return 'new'
  return isSame && before.mode === entry.mode ? 'same' : 'changed'
}

/** The same plugin with the same options, whatever its mode and its conditions are. */
function isUnchanged(entry: PluginEntry, options: WorldOptions, inForce: WorldOptions): boolean {
  const before = counterpart(entry, inForce)
  if (before === undefined || !isDeepStrictEqual(before.options, entry.options)) return false
  // it protects the domains of ours too
  return (
    entry.name !== 'impersonation' ||
    isDeepStrictEqual([...options.accept.domains.keys()].sort(), [...inForce.accept.domains.keys()].sort())
  )
}

const LIMITS_OF_HEADERS = ['headerBytes', 'headerFields', 'hops', 'ownHops'] as const

/** Stricter limits on what is not on record. */
function blindSpots({ limits, outside }: AcceptOptions, inForce: AcceptOptions): string[] {
  const headers = LIMITS_OF_HEADERS.filter((name) => limits[name] < inForce.limits[name])
  const asksDomain = outside.resolvableSender && !inForce.outside.resolvableSender
  return [
    ...headers.map((name) => `limits: ${name} is lower, and what headers had is not on record`),
    ...(asksDomain ? ['limits.outside.resolvableSender: the DNS is not asked'] : []),
  ]
}
