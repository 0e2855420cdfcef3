import { GOOD_CIPHERS } from '../ciphers.ts'
import { type Context, path } from '../context.ts'
import { key, list, optional, refined, required, section, value } from '../fields.ts'
import { choice, flag, integer, ipAddress, text } from '../kinds.ts'

const everyAddress = () => {
  const one = ipAddress()
  return value<string | null>("an IP address, or '*' for every address of the machine", (input) => {
    if (input === '*') return null
    const result = one.safeParse(input)
    return result.success ? result.data : undefined
  })
}

const listener = section({
  address: key(everyAddress(), '*', "The address to listen on; '*' is every address of both families."),
  port: required(
    integer(0, 65535),
    25,
    'The port. 25 for other mail servers, 465 for TLS from the first byte. 0 lets the system choose one.',
  ),
  tls: key(
    choice('starttls', 'implicit', 'none'),
    'starttls',
    'starttls: begins in clear and offers TLS. implicit: TLS from the first byte. none: TLS is never offered, for a network that nobody else can read.',
  ),
  for: key(choice('relay'), 'relay', 'What is served here: relay is mail between servers, applications and devices.'),
  maxConnections: optional(
    integer(1, 1_000_000, 'connections'),
    500,
    'only limits.connections',
    'The most connections at once on this listener.',
  ),
  earlyTalk: key(
    choice('refuse', 'allow'),
    'refuse',
    'Clients that talk before the greeting, as spam programs do: refused with 554, or let be.',
  ),
  proxies: key(
    list(ipAddress(), { max: 1000 }),
    [],
    'Load balancers whose connections begin with a PROXY protocol header (version 1), which says where the client really is.',
  ),
})

export const listeners = () => list(listener, { min: 1, max: 64 })

export const tls = (context: Context) =>
  refined(
    section({
      certificate: optional(
        path(context),
        'tls/certificate.pem',
        'TLS is not offered',
        'The certificate in PEM, followed by its intermediates. Read again when the file changes. One with an EC key (P-256) takes an eighth less CPU for each new connection than RSA with 2048 bits.',
      ),
      key: optional(
        path(context),
        'tls/key.pem',
        'TLS is not offered',
        'Its private key in PEM, readable by nobody else.',
      ),
      minVersion: key(choice('TLSv1.2', 'TLSv1.3'), 'TLSv1.2', 'The oldest version of TLS that is spoken.'),
      ciphers: key(text(2000), GOOD_CIPHERS, "Suites for TLS 1.2 in OpenSSL's notation, best first."),
      clientCa: optional(
        path(context),
        'tls/client-ca.pem',
        'no authority is named',
        'Authorities (PEM) that are named to clients, so that one with several certificates shows the right one. Clients are known by fingerprint, whoever vouches for them.',
      ),
      requestClientCertificate: optional(
        flag(),
        true,
        'asked for where any entry of clients is known by a certificate',
        'Whether connecting clients are asked for a certificate. One that has none is still served.',
      ),
    }),
    (found, refuse) => {
      if (found.certificate !== null && found.key === null) refuse(['key'], 'a certificate needs its key: give tls.key')
      if (found.key !== null && found.certificate === null) {
        refuse(['certificate'], 'a key needs its certificate: give tls.certificate')
      }
      return found
    },
  )
