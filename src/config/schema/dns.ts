import { formatHostPort } from '../endpoint.ts'
import { type Field, key, list, refined, section } from '../fields.ts'
import { duration, flag, integer, ipPort } from '../kinds.ts'
import { isLoopback } from '../loopback.ts'

const keys = section({
  servers: key(list(ipPort(53), { max: 16 }), [], "Resolvers, as address or address:port. None: the system's."),
  validating: key(
    flag(),
    false,
    'Whether dns.servers validate DNSSEC, as unbound does: without it there is no DANE. All must be on this machine (127.0.0.1, ::1), for what a resolver elsewhere says of DNSSEC can be forged on the way.',
  ),
  timeout: key(
    duration('100ms', '1m'),
    '5s',
    'How long one question may take. A question without an answer defers mail, it never returns it.',
  ),
  attempts: key(integer(1, 10), 2, 'How often a question is put.'),
  deadline: key(duration('1s', '5m'), '20s', 'How long an answer may take, all attempts and resolvers together.'),
  cache: key(integer(0, 10_000_000, 'answers'), 10_000, 'How many answers are kept.'),
  maxTtl: key(duration('1s', '7d'), '1h', 'The longest that an answer is kept, whatever its own time says.'),
  negativeTtl: key(duration('0', '1h'), '5m', 'The longest that the absence of an answer is kept.'),
})

type Dns = typeof keys extends Field<infer T> ? T : never

/** RFC 7672 section 2.2: an AD bit is worth something where nobody can come in between. */
export const dns: Field<Dns> = refined(keys, (found, refuse): Dns => {
  if (!found.validating) return found
  if (found.servers.length === 0)
    refuse(['validating'], 'needs dns.servers: the validating resolver on this machine, such as 127.0.0.1')
  for (const [index, server] of found.servers.entries()) {
    if (isLoopback(server.host)) continue
    refuse(
      ['servers', index],
      `${formatHostPort(server)} is not on this machine: with dns.validating every resolver must be at a loopback address, for what others say of DNSSEC can be forged on the way`,
    )
  }
  return found
})
