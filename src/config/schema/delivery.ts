import { type Context, path } from '../context.ts'
import { type Field, forms, key, list, optional, refined, section } from '../fields.ts'
import { choice, domain, duration, integer, ipAddress, mailbox, percent, size } from '../kinds.ts'
import type { Share, Size } from '../values.ts'
import { pathSecurity } from './path-security.ts'

/** Disk space that must stay free: so many bytes, or a share of the disk. */
export type Reserve = { readonly is: 'bytes'; readonly bytes: Size } | { readonly is: 'share'; readonly share: Share }

/** A reserve in bytes, of a disk of so many. */
export const reserveBytes = (found: Reserve, diskBytes: number): number =>
  found.is === 'bytes' ? found.bytes : Math.floor(found.share * diskBytes)

const reserve = (): Field<Reserve> => {
  const bytes = refined(size('0B', '1048576GiB'), (found): Reserve => ({ is: 'bytes', bytes: found }))
  const share = refined(percent(0, 90), (found): Reserve => ({ is: 'share', share: found }))
  return forms('a size such as 512MiB, or a percentage such as 5%', bytes, (input) =>
    typeof input === 'string' && input.trim().endsWith('%') ? share : bytes,
  )
}

export const spool = section({
  contentInRow: key(
    size('0B', '1MiB'),
    '64KiB',
    'Messages up to this size lie in the database itself, larger ones in a file each. Change it only after measuring.',
  ),
  writeMemory: key(
    size('1MiB', '4GiB'),
    '64MiB',
    'Memory for all larger messages that arrive, together. With less, each is written in smaller pieces; none is refused.',
  ),
  freshMemory: key(
    size('0B', '4GiB'),
    '32MiB',
    'Larger messages that just arrived are sent from this memory while it has room, none that is larger than a quarter of it. All others are read from their files.',
  ),
  readMemory: key(
    size('1MiB', '4GiB'),
    '16MiB',
    'Memory for all larger messages that are read from their files to be sent, together. With less, each is read in smaller pieces.',
  ),
  reserve: key(
    reserve(),
    '512MiB',
    'Disk space that stays free, or a percentage of the disk. Below it new mail is deferred (452); what is queued still goes out.',
  ),
})

const timeouts = section({
  connect: key(duration('1s', '10m'), '30s', 'Until the connection stands, for each address.'),
  greeting: key(duration('1s', '30m'), '5m', 'Until its greeting.'),
  hello: key(duration('1s', '30m'), '5m', 'Until its reply to EHLO.'),
  tls: key(duration('1s', '30m'), '1m', 'Until TLS is agreed.'),
  auth: key(duration('1s', '30m'), '2m', 'Until its reply to our login.'),
  mail: key(duration('1s', '30m'), '5m', 'Until its reply to MAIL.'),
  rcpt: key(duration('1s', '30m'), '5m', 'Until its reply to RCPT.'),
  data: key(duration('1s', '30m'), '2m', 'Until it lets us send the content.'),
  block: key(duration('1s', '30m'), '3m', 'Between two pieces of content that it takes.'),
  end: key(
    duration('1s', '1h'),
    '10m',
    'Until it confirms the whole message. Shorter ones make duplicates: the host may already have taken it.',
  ),
  quit: key(duration('1s', '10m'), '5s', 'Until it says goodbye, and then until the connection is closed.'),
})

export const delivery = section({
  helo: optional(domain(), 'relay.example.test', 'hostname', 'Our name in EHLO, where it is not hostname.'),
  families: key(
    list(choice('ipv6', 'ipv4'), { min: 1, max: 2 }),
    ['ipv6', 'ipv4'],
    'The address families that are tried, in order.',
  ),
  localAddressV4: optional(ipAddress(4), '192.0.2.25', 'the system chooses', 'The IPv4 address to send from.'),
  localAddressV6: optional(ipAddress(6), '2001:db8::25', 'the system chooses', 'The IPv6 address to send from.'),
  maxHosts: key(integer(1, 100, 'hosts'), 5, 'How many of its hosts one attempt to reach a domain tries.'),
  maxAddresses: key(integer(1, 1000, 'addresses'), 10, 'How many addresses, of all these hosts together.'),
  minTlsVersion: key(
    choice('TLSv1.2', 'TLSv1.3'),
    'TLSv1.2',
    'The oldest version of TLS that is spoken with next hops.',
  ),
  ...pathSecurity,
  timeouts: key(
    timeouts,
    {},
    'How long each step of sending may take. The defaults are those of RFC 5321 section 4.5.3.2.',
  ),
})

export const notifications = section({
  from: optional(
    mailbox(),
    'mailer-daemon@example.test',
    'MAILER-DAEMON at hostname',
    'The From field of our notices. Their reverse-path is always null.',
  ),
  returned: key(
    choice('headers', 'full'),
    'headers',
    'What of a message comes back with its notice, where the sender did not say.',
  ),
  fullSize: key(size('0B', '35MiB'), '100KiB', 'Larger messages come back as their header only.'),
  headerSize: key(size('1KiB', '1MiB'), '32KiB', 'How much of a long header comes back.'),
})

export const state = (context: Context) =>
  section({
    dir: key(path(context), '/var/lib/postern', 'The folder of everything that Postern keeps. --state sets another.'),
    spool: key(
      path(context),
      '$STATE/spool',
      'Messages on their way. Must lie on a local disk that keeps what it has confirmed.',
    ),
    ledger: key(path(context), '$STATE/ledger', 'The record of what happened to each message.'),
  })
