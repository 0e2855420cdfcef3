import { key, list, section } from '../fields.ts'
import { duration, integer, orOff, percent, size } from '../kinds.ts'

const concurrency = section({
  initial: key(
    integer(1, 1000, 'connections'),
    5,
    'Connections to a destination that nothing is known of. Grows while messages go through, shrinks on failures.',
  ),
  perDestination: key(integer(1, 10_000, 'connections'), 20, 'The most connections to one destination.'),
  total: key(integer(1, 100_000, 'connections'), 200, 'The most connections to all destinations together.'),
})

const connections = section({
  idle: key(duration('0', '5m'), '15s', 'How long a connection is kept open for the next message.'),
  messages: key(integer(1, 100_000), 1000, 'Messages on one connection, before a new one is made.'),
  age: key(duration('10s', '24h'), '10m', 'The longest that one connection is used.'),
})

export const queue = section({
  lifetime: key(
    duration('1m', '30d'),
    '5d',
    'How long delivery is tried before the message is returned to its sender. RFC 5321 asks for at least 4d.',
  ),
  afterRelease: key(
    duration('1m', '30d'),
    '1d',
    'How long a message is tried at least once it is released from a hold: else for what was left of lifetime when it was held.',
  ),
  delayNotice: key(
    orOff(duration('1m', '30d')),
    '4h',
    'When the sender is told that a message still waits. off: never.',
  ),
  schedule: key(
    list(duration('1s', '24h'), { min: 1, max: 100 }),
    ['1m', '2m', '5m', '10m', '15m', '30m', '1h'],
    'Waits between attempts, in order; the last one repeats until lifetime is over.',
  ),
  backOff: key(
    list(duration('1s', '24h'), { min: 1, max: 100 }),
    ['1m', '2m', '5m', '10m', '15m', '30m', '1h'],
    'Likewise, the waits before a next hop that could not be reached at all is tried again. Everything for it waits as one.',
  ),
  jitter: key(
    percent(0, 50),
    '10%',
    'How far each wait is varied at random, so that messages do not all come due together.',
  ),
  bounceLifetime: key(
    duration('1m', '30d'),
    '5d',
    'How long our own notices to senders are tried. Never returned to anybody.',
  ),
  concurrency: key(concurrency, {}, 'How many connections carry mail out.'),
  connections: key(connections, {}, 'How connections are kept and used again.'),
  memoryForFreshContent: key(
    size('0B', '16GiB'),
    '32MiB',
    'Memory for messages just committed, so that the first attempt need not read them back. What does not fit is read from disk.',
  ),
})
