import { key, optional, refined, section } from '../fields.ts'
import { choice, duration, flag, integer, orOff, percent, rate, size } from '../kinds.ts'

const connections = section({
  total: key(integer(1, 1_000_000), 10_000, 'All together. More are answered 421.'),
  outside: key(
    integer(1, 1_000_000),
    8000,
    'Of all that are not registered in clients, so that clients always find room.',
  ),
  perAddress: key(integer(1, 1_000_000), 50, 'From one address that is not registered (IPv6: one /64).'),
  perNetwork: key(integer(1, 1_000_000), 200, 'From one network that is not registered: IPv4 /24, IPv6 /48.'),
  waiting: key(
    integer(1, 65_535),
    4096,
    'Connections that the system keeps for each listener until they are taken, for a moment in which many come. Of more, some would be kept waiting for a greeting in vain. The system may hold it lower: net.core.somaxconn. Counts from the next start of a listener.',
  ),
})

const outside = section({
  tls: key(
    choice('optional', 'required'),
    'optional',
    'required: MAIL is refused until the session is encrypted. Some honest senders on the internet still cannot.',
  ),
  rate: key(orOff(rate()), '100/minute', 'Messages from one address (IPv6: one /64). Over it: deferred (450).'),
  burst: optional(
    integer(1, 1_000_000, 'messages'),
    200,
    'as many as rate has in its period',
    'Messages at once before rate is felt.',
  ),
  recipientRate: key(orOff(rate()), '300/minute', 'Recipients from one address. Over it: deferred (450).'),
  reverseDns: key(
    choice('off', 'record', 'require'),
    'record',
    'The name of an address, if it leads back to the address. record: for the trace. require: without one, mail is refused; keeps out much abuse, and some badly set up senders.',
  ),
  resolvableSender: key(flag(), false, "Whether the sender's domain must exist in the DNS."),
  nullSenderRecipients: key(
    integer(1, 1000),
    1,
    'Recipients of one message with the null reverse-path: a notification has one (RFC 3464 section 2).',
  ),
  unknownRecipients: key(
    integer(1, 100_000),
    10,
    'Unknown recipients in a session, before it ends: who guesses addresses gets no further.',
  ),
  unknownRate: key(
    orOff(rate()),
    '100/hour',
    'Unknown recipients from one address (IPv6: one /64), over all of its sessions: whoever guesses a few, connects anew and goes on is found as well.',
  ),
  penalty: key(duration('0', '1d'), '15m', 'How long an address is refused after either of them.'),
})

const wholeProcess = refined(
  section({
    memory: key(
      orOff(size('64MiB', '1024GiB')),
      'off',
      'A bound of our own, for the resident memory of the process; for systems without control groups, or below theirs.',
    ),
    refuseAt: key(
      percent(50, 98),
      '85%',
      'From this share of the nearest bound on, new connections are answered 421 and new mail 452. Pages of files that the system can take back do not count.',
    ),
    resumeAt: key(percent(40, 97), '80%', 'Below this share, mail is taken again. Less than refuseAt.'),
  }),
  (found, refuse) => {
    if (found.resumeAt >= found.refuseAt) refuse(['resumeAt'], 'must be less than refuseAt')
    return found
  },
)

export const limits = section({
  connections: key(connections, {}, 'Connections at once.'),
  recipients: key(
    integer(1, 50_000),
    100,
    'Recipients of one message. More are answered 452, and the sender sends them in a second message. RFC 5321 asks for at least 100.',
  ),
  size: key(
    size('64KiB', '2GiB'),
    '35MiB',
    'The largest message; announced to the sender, and enforced as it arrives.',
  ),
  commandsWithoutTransaction: key(
    integer(1, 100_000, 'commands'),
    100,
    'Commands in a session that lead to no mail (NOOP, RSET, VRFY and the like). Then the session ends.',
  ),
  errors: key(integer(1, 100_000), 20, 'Refused commands in a session, before it ends.'),
  idle: key(
    duration('1s', '1h'),
    '5m',
    'Silence from the sender, before the session ends. RFC 5321 asks for at least 5m.',
  ),
  wrongEnd: key(
    duration('1s', '1h'),
    '10s',
    'Silence within a message that is refused for its line ends, before the sender hears so: it may be waiting for us, for a wrong end mark is none. Counts only below idle.',
  ),
  dataTime: key(duration('10s', '24h'), '30m', 'The longest that the content of one message may take to arrive.'),
  tlsTime: key(duration('1s', '10m'), '1m', 'The longest that agreeing on TLS may take.'),
  sessionTime: key(
    duration('1m', '7d'),
    '4h',
    'The longest that one connection lasts. A message on its way is let finish.',
  ),
  commandLine: key(
    integer(512, 65_536, 'octets'),
    4096,
    'The longest command line. RFC 5321 asks for 512, its extensions for some more.',
  ),
  headerSize: key(size('16KiB', '16MiB'), '256KiB', 'The largest header of a message.'),
  headerFields: key(integer(50, 100_000, 'fields'), 1000, 'The most fields in the header of a message.'),
  hops: key(
    integer(10, 1000, 'Received fields'),
    100,
    'How many servers a message may have passed; above it, it is going round in circles and is refused. RFC 5321 asks for at least 100.',
  ),
  ownHops: key(
    integer(1, 100, 'Received fields'),
    3,
    'How often a message may have passed this very server. A mailing list or a forward may lead back here; a loop does so again and again.',
  ),
  memory: key(
    size('1MiB', '1024GiB'),
    '256MiB',
    'Memory for messages that are just arriving, until they are answered: header, and content until it goes to a file. Beyond it, mail is answered 452. Connections take memory besides: see connections.',
  ),
  process: key(
    wholeProcess,
    {},
    'What the whole daemon holds in memory: connections, messages and mail on its way out. It is compared with the limits of the control groups that the daemon runs in (MemoryMax and MemoryHigh of the service, the memory of a container). In a flood, senders are asked to come again later before the kernel ends the daemon.',
  ),
  remembered: key(
    integer(1000, 10_000_000, 'addresses'),
    100_000,
    'Addresses, clients and recipients of which rates, penalties and answers are remembered. More than an attacker has.',
  ),
  outside: key(outside, {}, 'For whoever is not registered in clients.'),
})
