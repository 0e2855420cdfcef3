import { isAbsolute } from 'node:path'
import { type Context, path } from '../context.ts'
import { type NextHop, parseHostPort } from '../endpoint.ts'
import { type Field, forms, key, list, mapOf, optional, refined, required, section, value } from '../fields.ts'
import { choice, domain, duration, hostPort } from '../kinds.ts'
import { type RecipientList, readRecipientFile, readRecipientLine } from '../recipients.ts'
import { hostList, hostOrder, type Route, type RouteTls, routeTls, tlsKeys } from './route.ts'

/** Which recipients a domain of ours has. */
export type RecipientSource =
  /** Whatever comes is taken. */
  | { readonly from: 'any' }
  /** The domain's server is asked with RCPT, and its answer kept. */
  | { readonly from: 'ask' }
  | { readonly from: 'list'; readonly file: string | null; readonly recipients: RecipientList }

/** A domain that mail is taken for, from anybody. */
export interface LocalDomain {
  readonly route: Route
  readonly recipients: RecipientSource
}

const LMTP_PORT = 24

const lmtp = (context: Context): Field<NextHop> =>
  value('host:port, or the path of a Unix socket (absolute, or $STATE/…)', (input) => {
    if (typeof input !== 'string') return undefined
    const isPath = isAbsolute(input) || input.startsWith('$STATE/')
    return isPath ? { path: context.resolve(input) } : parseHostPort(input, LMTP_PORT)
  })

const recipients = (context: Context): Field<RecipientSource> => {
  const word = refined(choice('any', 'ask'), (from): RecipientSource => ({ from }))
  const inline = refined(list(address, { min: 1, max: 10_000 }), (found) => listed(null, found))
  const inFile = recipientFile(context)
  return forms('any, ask, a list of addresses, or { file: PATH }', inFile, (input) => {
    if (Array.isArray(input)) return inline
    return typeof input === 'object' && input !== null ? inFile : word
  })
}

const address = value("an address, or the part before the '@'", (input) =>
  typeof input === 'string' ? readRecipientLine(input) : undefined,
)

const recipientFile = (context: Context): Field<RecipientSource> =>
  refined(
    section({
      file: required(
        path(context),
        'recipients/royal',
        'One address (or the part before the @) a line; # starts a comment.',
      ),
    }),
    ({ file }, refuse) => {
      const { found, problem } = readRecipientFile(context, file)
      if (problem !== null) refuse(['file'], problem)
      return listed(file, found)
    },
  )

const listed = (file: string | null, found: readonly string[]): RecipientSource => ({
  from: 'list',
  file,
  recipients: new Set(found),
})

const localDomain = (context: Context): Field<LocalDomain> =>
  refined(
    section({
      relayTo: optional(
        hostList(hostPort(25)),
        ['mail.royal.example.test'],
        'lmtp',
        "The domain's own server: host, host:port, or several, tried in order. Mail waits for it as long as queue.lifetime.",
      ),
      lmtp: optional(
        lmtp(context),
        '/run/dovecot/lmtp',
        'relayTo',
        'An LMTP server in place of relayTo: host:port, or the path of its Unix socket.',
      ),
      order: hostOrder(),
      ...tlsKeys(context),
      recipients: key(
        recipients(context),
        'any',
        "Who exists. any: taken, and the server decides later. ask: the server is asked before the sender's RCPT is answered. A list, or { file: PATH }, of addresses: nobody else exists.",
      ),
    }),
    (found, refuse) => {
      if (found.relayTo !== null && found.lmtp !== null) refuse(['lmtp'], 'give relayTo or lmtp, not both')
      if (found.relayTo === null && found.lmtp === null)
        refuse([], 'nothing says where its mail goes: give relayTo or lmtp')
      return { route: localRoute(found, routeTls(found)), recipients: found.recipients }
    },
  )

interface Hops {
  readonly relayTo: readonly NextHop[] | null
  readonly lmtp: NextHop | null
  readonly order: Route['order']
}

function localRoute({ relayTo, lmtp: hop, order }: Hops, wanted: RouteTls): Route {
  // nobody can listen in on a Unix socket, and LMTP servers offer no TLS there
  const tls = hop !== null && 'path' in hop ? { ...wanted, mode: 'none' as const, verify: false } : wanted
  if (hop === null) return { protocol: 'smtp', hops: relayTo, order, port: 25, tls, login: null }
  return { protocol: 'lmtp', hops: [hop], order, port: LMTP_PORT, tls, login: null }
}

export const domains = (context: Context) => mapOf('domain names', domain(), localDomain(context))

export const recipientCheck = () =>
  section({
    positive: key(duration('1s', '30d'), '1d', 'How long a yes is believed.'),
    negative: key(duration('1s', '1d'), '10m', 'How long a no is believed: as long as a new colleague waits for mail.'),
    timeout: key(duration('1s', '5m'), '20s', "How long the sender's RCPT may wait for an answer."),
    unavailable: key(
      choice('accept', 'defer'),
      'accept',
      'What happens while the server cannot be asked. accept: mail is queued and the server decides when it is back. defer: the sender is told to try later.',
    ),
  })
