import type { Direction, Plugin } from './plugin.ts'

/** To which mail a link of the chain applies. Every list that is given must match; null, or left out, is any. */
export interface When {
  readonly direction?: readonly Direction[] | null
  /** Names of registered clients; `*` is the outside world. */
  readonly clients?: readonly string[] | null
  /** Domains of the reverse-path, lower-case A-labels; a leading dot is all names below. The null reverse-path matches none. */
  readonly senders?: readonly string[] | null
  /** Domains of a recipient, likewise. */
  readonly recipients?: readonly string[] | null
}

/** What is known of a recipient, or, before there is one, of the session. What is left out is not known yet. */
export interface Known {
  /** Null for the outside world. */
  readonly client: string | null
  /** Domain of the reverse-path; null for the null reverse-path. */
  readonly sender?: string | null
  readonly direction?: Direction
  /** Domain of the recipient. */
  readonly recipient?: string
}

/** Whether what is known decides that the link applies. */
export type Condition = (known: Known) => boolean

/** One predicate of all that is given; null where nothing is, which is always. */
export function compileWhen(when: When | null | undefined): Condition | null {
  const { direction, clients, senders, recipients } = when ?? {}
  const tests: Condition[] = []
  if (direction) tests.push(byDirection(new Set(direction)))
  if (clients) tests.push(byClient(new Set(clients)))
  if (senders) {
    const listed = domains(senders)
    tests.push(({ sender }) => listed(sender))
  }
  if (recipients) {
    const listed = domains(recipients)
    tests.push(({ recipient }) => listed(recipient))
  }
  return tests.length === 0 ? null : (known) => tests.every((test) => test(known))
}

/** Before there is a recipient, mail of a client is outbound or internal: decided only where both are listed. */
function byDirection(listed: ReadonlySet<Direction>): Condition {
  const early = { outside: listed.has('inbound'), client: listed.has('outbound') && listed.has('internal') }
  return ({ direction, client }) => {
    if (direction !== undefined) return listed.has(direction)
    return client === null ? early.outside : early.client
  }
}

const byClient =
  (listed: ReadonlySet<string>): Condition =>
  ({ client }) =>
    listed.has(client ?? '*')

function domains(listed: readonly string[]): (domain: string | null | undefined) => boolean {
  const names = new Set(listed)
  const below = listed.filter((name) => name.startsWith('.'))
  return (domain) => {
    if (domain === null || domain === undefined) return false
    return names.has(domain) || below.some((name) => domain.endsWith(name))
  }
}

/**
 * Why a plugin would never be asked, in words, or null: all that it can say comes at a point at which
 * what its condition goes by is not known. It would look as if it were at work.
 */
export function neverAsked(plugin: Plugin, when: When | null | undefined): string | null {
  if (!when || 'modify' in plugin || plugin.data !== undefined || plugin.rcpt !== undefined) return null
  if (when.recipients) return 'recipients are not known yet when this plugin is asked'
  if (when.senders && plugin.mail === undefined) return 'the sender is not known yet when this plugin is asked'
  if (when.direction && when.direction.includes('outbound') !== when.direction.includes('internal'))
    return 'whether mail is outbound or internal is not known yet when this plugin is asked'
  return null
}
