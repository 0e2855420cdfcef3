import { parseDomain } from '../../mail/address.ts'
import { type Context, path } from '../context.ts'
import { type Field, key, list, optional, refined, section, value } from '../fields.ts'
import { choice, domain, duration, ipAddress, ipPort } from '../kinds.ts'
import { policyTimeouts } from './waits.ts'

/** A host name, or `*.` and one: any name that has one label more (RFC 8461 section 4.1). */
const mxPattern = (): Field<string> =>
  value('a host name such as mx.example.test, or *.example.test', (input) => {
    if (typeof input !== 'string') return undefined
    const star = input.startsWith('*.') ? '*.' : ''
    const name = input.startsWith('[') ? null : parseDomain(input.slice(star.length))
    return name === null || name.startsWith('[') ? undefined : star + name
  })

const mtaSts = (context: Context) =>
  refined(
    section({
      mode: key(
        choice('testing', 'enforce', 'none'),
        'testing',
        'testing: senders report what would fail and deliver all the same. enforce: they deliver only over TLS with a certificate that holds. none: how a policy is taken back; keep it for maxAge.',
      ),
      maxAge: key(
        duration('1h', '365d'),
        '7d',
        'How long senders keep the policy. With enforce some weeks, so that nobody can take it away unseen.',
      ),
      mx: key(list(mxPattern(), { max: 200 }), [], 'The exchangers that the policy names. None: those of publish.mx.'),
      domains: key(
        list(domain(), { max: 10_000 }),
        [],
        'The domains that have the policy, which must be in domains, or hostname. None: all of domains.',
      ),
      listen: key(
        list(ipPort(443), { max: 16 }),
        ['[::]:443'],
        'Where the policy is served over HTTPS: addresses with port. [::] is every address of both families. [] serves it nowhere, for another web server does.',
      ),
      certificate: optional(
        path(context),
        'tls/mta-sts.pem',
        'tls.certificate',
        'The certificate in PEM, followed by its intermediates; for mta-sts.DOMAIN of each domain, by an authority that everybody trusts. Read again when the file changes.',
      ),
      key: optional(path(context), 'tls/mta-sts.key', 'tls.key', 'Its private key in PEM.'),
      timeouts: key(policyTimeouts, {}, 'How long those who ask for it are waited for.'),
    }),
    (found, refuse) => {
      if (found.certificate !== null && found.key === null) refuse(['key'], 'a certificate needs its key')
      if (found.key !== null && found.certificate === null) refuse(['certificate'], 'a key needs its certificate')
      return found
    },
  )

/** What others find out about this service: records in the DNS, and our MTA-STS policy. */
export const publish = (context: Context) =>
  section({
    addresses: key(
      list(ipAddress(), { max: 64 }),
      [],
      'The public addresses that this service is reached at and sends from, as postern dns publishes them. None: those of delivery.localAddressV4, localAddressV6 and listeners, where they are public.',
      ['192.0.2.25', '2001:db8::25'],
    ),
    mx: key(list(domain(), { max: 100 }), [], 'The hosts that take mail for domains. None: hostname alone.', [
      'relay.example.test',
      'relay2.example.test',
    ]),
    dmarc: key(
      choice('none', 'quarantine', 'reject'),
      'none',
      'What postern dns recommends that others do with mail in our name that DMARC fails. Begin with none, read the reports, and go on to reject.',
    ),
    nextKey: optional(
      path(context),
      'tls/next.key',
      'there is none yet',
      "The key of the certificate that comes after tls.certificate (PEM, its public part is enough): its TLSA record is to stand in the DNS two of the record's lifetimes before it is used.",
    ),
    mtaSts: optional(
      mtaSts(context),
      { mode: 'testing' },
      'there is no policy',
      'The policy by which other services send to domains over TLS only (MTA-STS, RFC 8461).',
    ),
  })
