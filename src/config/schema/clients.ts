import { key, list, optional, refined, required, section, value } from '../fields.ts'
import { choice, fingerprint, flag, integer, network, pattern, rate, size } from '../kinds.ts'
import { parseSenderPattern, type SenderPattern } from '../sender.ts'

const sender = value("an address, '@domain', '@*.domain', '<>' or '*'", parseSenderPattern)

const name = pattern(
  'a name of letters, digits, dots and hyphens, at most 64 characters',
  /^(?!postern$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/,
)

const fields = section({
  name: required(name, 'royal-infirmary', 'What logs, the trace and the queue call it. Each name once.'),
  networks: key(
    list(network()),
    [],
    'Where it connects from. Where networks of several clients overlap, the smallest one counts.',
  ),
  certificates: key(
    list(fingerprint()),
    [],
    'SHA-256 fingerprints of its TLS certificates: who holds one is this client, wherever it connects from. Comes before networks.',
  ),
  tls: key(
    choice('required', 'optional'),
    'required',
    'required: MAIL is refused until the session is encrypted. optional is for devices that cannot.',
  ),
  senders: required(
    list(sender, { min: 1 }),
    ['@royal.example.test'],
    "Whom it may send as: an address, '@domain', '@*.domain' for every name below, '*' for anyone. The null reverse-path of bounces is always allowed to servers; a device needs '<>' for it.",
  ),
  mayRelay: key(flag(), true, 'Whether it may send to domains other than those in domains.'),
  device: key(
    flag(),
    false,
    'A device or old application: lines that end in a bare LF are mended, and an odd name in HELO is taken.',
  ),
  addMissing: key(
    flag(),
    false,
    'Whether a missing Date or Message-ID is added to its messages, which some applications leave out.',
  ),
  sensitive: key(
    flag(),
    false,
    'Whether all of its mail counts as sensitive, marked or not. Needs the plugin sensitive.',
  ),
  rate: optional(rate(), '30/minute', 'no limit', 'Messages. What is over the rate is deferred (450), never lost.'),
  burst: optional(
    integer(1, 1_000_000, 'messages'),
    60,
    'as many as rate has in its period',
    'How many messages may come at once before rate is felt.',
  ),
  recipientRate: optional(rate(), '300/minute', 'no limit', 'Recipients. What is over the rate is deferred (450).'),
  size: optional(size('1KiB', '2GiB'), '50MiB', 'limits.size', 'The largest message from this client.'),
  recipients: optional(
    integer(1, 50_000),
    500,
    'limits.recipients',
    'The most recipients of one message from this client.',
  ),
  connections: optional(
    integer(1, 1_000_000),
    200,
    'limits.connections.total',
    'The most connections at once from this client.',
  ),
})

const NULL_SENDER: SenderPattern = { is: 'null' }

export const clients = () =>
  list(
    refined(fields, (client, refuse) => {
      if (client.networks.length === 0 && client.certificates.length === 0) {
        refuse(['name'], 'nothing says how this client is known: give networks, certificates or both')
      }
      if (client.certificates.length > 0 && client.networks.length === 0 && client.tls === 'optional') {
        refuse(['tls'], 'a client known by its certificate alone always speaks TLS: leave tls out, or give networks')
      }
      if (client.burst !== null && client.rate === null) refuse(['burst'], 'burst has a meaning only with rate')
      // RFC 5321 section 4.5.5: a server that relays for another must take its bounces
      return client.device ? client : { ...client, senders: [...client.senders, NULL_SENDER] }
    }),
    { max: 100_000 },
  )
