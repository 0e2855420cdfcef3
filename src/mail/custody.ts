/**
 * What the record of custody holds of each event: the facts that `accept`, `inspect`, `deliver` and the
 * spool write with it, and how they are read again. Reading never throws: what an older version did not
 * write, or what nobody can understand, is null or empty. Never content, a subject or a file's name.
 */

/** One thing that happened, in whatever form it travels. */
export interface CustodyEvent {
  readonly event: string
  /** Empty when all recipients are meant. */
  readonly recipients: readonly CustodyRecipient[]
  readonly facts: Facts
}

export interface CustodyRecipient {
  readonly index: number
  readonly address: string
  readonly state: string
  readonly reply?: string
}

export type Facts = Readonly<Record<string, unknown>>

/** TLS of a path that a message took. */
export interface PathTls {
  readonly protocol: string
  readonly cipher: string | null
  /** Lower-case hex SHA-256 of the other side's certificate (DER); null if it showed none. */
  readonly fingerprint: string | null
  /** Whether the certificate was proven; null where that was not asked, as of a client. */
  readonly verified: boolean | null
}

/** Lower-case hex SHA-256. */
export interface Hashes {
  /** Of the content as it came. */
  readonly received: string | null
  /** Of what goes on below this relay's own trace field. */
  readonly stored: string | null
}

/** With `received`. */
export interface ReceivedFacts {
  readonly client: string | null
  readonly session: string | null
  readonly transaction: string | null
  readonly address: string | null
  /** The verified reverse name. */
  readonly name: string | null
  readonly helo: string | null
  readonly protocol: string | null
  readonly user: string | null
  readonly tls: PathTls | null
  readonly sha256: Hashes
  /** Such as `1 of 2`: plugins treated the recipients of one message differently, so that it became several. */
  readonly split: string | null
  /** It goes over a proven path alone. */
  readonly sensitive: boolean
  /** Written by this relay, and no notice about another message: a report, an alarm. */
  readonly own: boolean
  /** Bare line ends that were mended. */
  readonly normalised: number
  /** Of our own notices: what it says (`failed`, `delayed` …) and about which message. */
  readonly notice: { readonly action: string; readonly about: string } | null
  readonly authentication: Authentication | null
  readonly inspection: readonly PluginFact[]
  /** Results of plugins that there was no room for. */
  readonly inspectionCut: number
  /** Names of header fields that only this relay may give, and that the message brought along. */
  readonly stripped: readonly string[]
  readonly holds: readonly HoldFact[]
  /** Indexes of recipients whose sender asked not to be told of a failure. */
  readonly untold: readonly number[]
}

/** Words of RFC 8601; null where nothing was looked at. */
export interface Authentication {
  readonly spf: string | null
  readonly dkim: readonly { readonly result: string; readonly domain: string }[]
  readonly dmarc: string | null
  readonly arc: string | null
}

/** What one plugin said and did. */
export interface PluginFact {
  readonly plugin: string
  readonly hook: string | null
  readonly mode: string | null
  readonly verdict: string
  readonly reason: string | null
  readonly failed: boolean
  readonly ms: number | null
  readonly facts: Facts
  /** Names of header fields that it added and removed. */
  readonly added: readonly string[]
  readonly removed: readonly string[]
  /** Hashes of the message before and after, where it put new content in its place. */
  readonly replaced: { readonly before: string; readonly after: string } | null
}

export interface HoldFact {
  readonly reason: string
  /** `plugin:NAME`, `operator:NAME` or `component:NAME`. */
  readonly owner: string | null
  /** Milliseconds since 1970. */
  readonly until: number | null
  /** What happens then: `release`, `reject` or `discard`. */
  readonly then: string | null
  /** Indexes of the recipients; empty for all that the event names. */
  readonly recipients: readonly number[]
}

/** With `attempt`, and with every other event that settles recipients. */
export interface AttemptFacts {
  readonly host: string | null
  readonly address: string | null
  readonly port: number | null
  readonly seconds: number | null
  /** `clear`: without TLS. Null: nothing was reached, or nothing is known. */
  readonly tls: PathTls | 'clear' | null
  /** Which policy decided on the security of the path, and what that path proves. */
  readonly security: { readonly source: string; readonly proves: string | null } | null
  /** Hosts that did not answer. */
  readonly tried: readonly string[]
  readonly untried: boolean
  /** The time for delivery was over. */
  readonly expired: boolean
  /** The hold whose deadline this was, and what it asked for. */
  readonly hold: HoldFact | null
  /** Queue ids of the notices that were written in the same commit; null where the record does not say. */
  readonly notices: readonly string[] | null
}

/** With what an operator, or a component in their place, did. */
export interface ActionFacts {
  readonly by: string | null
  readonly hold: HoldFact | null
  /** Where to; null is the recipients' own. Undefined where it was no rerouting. */
  readonly destination: string | null | undefined
  /** Until when what was released is tried. */
  readonly triedUntil: number | null
  /** What was found where the message could not be understood and was set aside. */
  readonly damaged: string | null
}

export function readReceived(facts: Facts): ReceivedFacts {
  const inspection = recordsAt(facts, 'inspection').map(readPlugin)
  const notice = textAt(facts, 'notification')
  const about = textAt(facts, 'about')
  return {
    client: textAt(facts, 'client'),
    session: textAt(facts, 'session'),
    transaction: textAt(facts, 'transaction'),
    address: textAt(facts, 'address'),
    name: textAt(facts, 'name'),
    helo: textAt(facts, 'helo'),
    protocol: textAt(facts, 'protocol'),
    user: textAt(facts, 'user'),
    tls: readTls(facts),
    sha256: readHashes(recordAt(facts, 'sha256')),
    split: textAt(facts, 'split'),
    sensitive: facts.sensitive === true,
    own: facts.own === true,
    normalised: numberAt(facts, 'normalised') ?? 0,
    notice: notice === null || about === null ? null : { action: notice, about },
    authentication: readAuthentication(inspection),
    inspection,
    inspectionCut: numberAt(facts, 'inspectionCut') ?? 0,
    stripped: textsAt(facts, 'stripped'),
    holds: recordsAt(facts, 'holds').map(readHold),
    untold: numbersAt(facts, 'untold'),
  }
}

export function readAttempt(facts: Facts): AttemptFacts {
  const tls = readTls(facts)
  const host = textAt(facts, 'host')
  const security = recordAt(facts, 'security')
  const source = security === null ? null : textAt(security, 'source')
  return {
    host,
    address: textAt(facts, 'address'),
    port: numberAt(facts, 'port'),
    seconds: numberAt(facts, 'seconds'),
    tls: tls ?? (host !== null && facts.tls === null ? 'clear' : null),
    security: security === null || source === null ? null : { source, proves: textAt(security, 'proves') },
    tried: textsAt(facts, 'tried'),
    untried: facts.untried === true,
    expired: facts.expired === true,
    hold: readEndedHold(facts),
    notices: Array.isArray(facts.notices) ? textsAt(facts, 'notices') : null,
  }
}

/** With `notice`: whether the sender was told that this recipient's mail is late. */
export const isToldOfDelay = (facts: Facts, index: number): boolean =>
  facts.told === true && !numbersAt(facts, 'untold').includes(index)

export function readAction(facts: Facts): ActionFacts {
  const hold = recordAt(facts, 'hold')
  const { destination } = facts
  return {
    by: textAt(facts, 'by'),
    hold: hold === null ? null : readHold(hold),
    destination: destination === null || typeof destination === 'string' ? destination : undefined,
    triedUntil: numberAt(facts, 'triedUntil'),
    damaged: textAt(facts, 'damaged'),
  }
}

/** A hold that came to its deadline: the reason stands by itself, next to its owner. */
function readEndedHold(facts: Facts): HoldFact | null {
  const reason = textAt(facts, 'hold')
  if (reason === null) return null
  // biome-ignore lint/suspicious/noThenProperty: the spool's word for what happens at the deadline; never awaited by itself
  return { reason, owner: textAt(facts, 'owner'), until: null, then: textAt(facts, 'deadline'), recipients: [] }
}

const readHold = (hold: Facts): HoldFact => ({
  reason: textAt(hold, 'reason') ?? 'no reason is on record',
  owner: textAt(hold, 'owner'),
  until: numberAt(hold, 'until'),
  // biome-ignore lint/suspicious/noThenProperty: as above
  then: textAt(hold, 'then'),
  recipients: numbersAt(hold, 'recipients'),
})

function readPlugin(result: Facts): PluginFact {
  const changed = recordAt(result, 'changed') ?? {}
  const replaced = recordAt(changed, 'replaced') ?? {}
  const [before, after] = [textAt(replaced, 'before'), textAt(replaced, 'after')]
  return {
    plugin: textAt(result, 'plugin') ?? 'unknown',
    hook: textAt(result, 'hook'),
    mode: textAt(result, 'mode'),
    verdict: textAt(result, 'verdict') ?? 'unknown',
    reason: textAt(result, 'reason'),
    failed: result.failed === true,
    ms: numberAt(result, 'ms'),
    facts: recordAt(result, 'facts') ?? {},
    added: textsAt(changed, 'added'),
    removed: textsAt(changed, 'removed'),
    replaced: before === null || after === null ? null : { before, after },
  }
}

function readAuthentication(inspection: readonly PluginFact[]): Authentication | null {
  const facts = inspection.find(({ plugin, hook }) => plugin === 'authentication' && hook === 'data')?.facts
  // Where there was no room for them, nothing can be said: not that nothing was found
  if (facts === undefined || facts.cut === true || Object.keys(facts).length === 0) return null
  const resultAt = (name: string) => textAt(recordAt(facts, name) ?? {}, 'result')
  const dkim = recordsAt(facts, 'dkim').map((one) => {
    return { result: textAt(one, 'result') ?? 'unknown', domain: textAt(one, 'domain') ?? '' }
  })
  return { spf: resultAt('spf'), dkim, dmarc: resultAt('dmarc'), arc: resultAt('arc') }
}

const readHashes = (hashes: Facts | null): Hashes => ({
  received: hashes === null ? null : textAt(hashes, 'received'),
  stored: hashes === null ? null : textAt(hashes, 'stored'),
})

/** As a record of its own, or as its protocol with the rest beside it. */
function readTls(facts: Facts): PathTls | null {
  const inside = recordAt(facts, 'tls')
  const from = inside ?? facts
  const protocol = inside === null ? textAt(facts, 'tls') : textAt(inside, 'protocol')
  if (protocol === null) return null
  const fingerprint = textAt(from, 'fingerprint') ?? textAt(from, 'certificate')
  return {
    protocol,
    cipher: textAt(from, 'cipher'),
    fingerprint: fingerprint === '' ? null : fingerprint,
    verified: typeof from.verified === 'boolean' ? from.verified : null,
  }
}

const textAt = (facts: Facts, name: string): string | null => {
  const found = facts[name]
  return typeof found === 'string' ? found : null
}

const numberAt = (facts: Facts, name: string): number | null => {
  const found = facts[name]
  return typeof found === 'number' && Number.isFinite(found) ? found : null
}

const isRecord = (value: unknown): value is Facts =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const recordAt = (facts: Facts, name: string): Facts | null => {
  const found = facts[name]
  return isRecord(found) ? found : null
}

const listAt = (facts: Facts, name: string): readonly unknown[] => {
  const found = facts[name]
  return Array.isArray(found) ? found : []
}

const recordsAt = (facts: Facts, name: string): Facts[] => listAt(facts, name).filter(isRecord)
const textsAt = (facts: Facts, name: string): string[] => listAt(facts, name).filter((each) => typeof each === 'string')
const numbersAt = (facts: Facts, name: string): number[] =>
  listAt(facts, name).filter((each) => typeof each === 'number')
