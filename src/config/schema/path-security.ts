import { type Field, key, list, required, section, value } from '../fields.ts'
import { domain, duration, flag, text } from '../kinds.ts'

/** A day such as 2027-03-31, as milliseconds since 1970: midnight UTC at its start. */
const day = (): Field<number> =>
  value('a day such as 2027-03-31', (input) => {
    if (typeof input !== 'string' || !/^\d{4}-\d{2}-\d{2}$/.test(input)) return undefined
    const at = Date.parse(`${input}T00:00:00Z`)
    // 31 February is no day
    return Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) !== input ? undefined : at
  })

const exception = section({
  domain: required(domain(), 'old.example.test', "The recipients' domain: itself, not what lies below it."),
  reason: required(text(300), 'their server gets TLS in May', 'Why there is no other way yet.'),
  approvedBy: required(text(200), 'A. Person, information governance', 'Who allowed it.'),
  expires: required(day(), '2027-05-31', 'The day on which it ends, at its start (UTC).'),
})

/** Keys of `delivery` that say what paths to domains outside the register must prove. */
export const pathSecurity = {
  dane: key(
    flag(),
    true,
    'Whether TLSA records of next hops bind (DANE, RFC 7672). They can only be had where dns.validating is true.',
  ),
  mtaSts: key(flag(), true, 'Whether policies that domains publish over HTTPS bind (MTA-STS, RFC 8461).'),
  mtaStsTimeout: key(
    duration('1s', '5m'),
    '30s',
    'How long fetching such a policy may take, with the DNS. RFC 8461 suggests a minute at the most.',
  ),
  probeTimeout: key(
    duration('1s', '5m'),
    '10s',
    "How long each step of a look at a domain's hosts may take (postern domain check).",
  ),
  clearText: key(
    list(exception, { max: 1000 }),
    [],
    'Domains whose mail may go out in clear for a time although their route requires TLS. Never lifts the register, REQUIRETLS, DANE or MTA-STS. Told of a month before it ends.',
  ),
}
