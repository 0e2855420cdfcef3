import { type Context, path } from '../context.ts'
import { type Field, type Keys, key, list, optional, required, section, value } from '../fields.ts'
import {
  choice,
  domain,
  domainOrBelow,
  duration,
  flag,
  integer,
  mailbox,
  orOff,
  pattern,
  size,
  text,
} from '../kinds.ts'
import type { PluginKeys } from './plugins.ts'

/** The keys of the plugins that prove who sent a message, and sign what leaves. */

const ON_FAILURE = ['off', 'tag', 'hold', 'reject'] as const
const ACTIONS = ['off', 'tag', 'hold', 'defer', 'reject'] as const

const directions = () => list(choice('inbound', 'outbound', 'internal'), { max: 3 })

const limits: Keys = {
  signatures: key(
    integer(1, 100),
    5,
    "The most DKIM signatures of a message that are looked at: those of the author's domain first. The rest are recorded as not examined.",
  ),
  signatureSize: key(size('1KiB', '64KiB'), '16KiB', 'The longest DKIM or ARC field that is looked at.'),
  arcSets: key(integer(1, 50), 20, 'The most ARC sets; a longer chain has failed.'),
  minRsaBits: key(integer(1024, 4096, 'bits'), 1024, 'The shortest RSA key that proves anything.'),
  lookups: key(
    integer(10, 1_000),
    100,
    'The most questions to the DNS for one message. Those beyond it count as not answered.',
  ),
  lookupTime: key(duration('100ms', '10m'), '20s', 'How long all of them may take together.'),
}

export const authentication: PluginKeys = {
  help: 'Proves who sent a message: SPF, DKIM, DMARC, ARC. Says so in an Authentication-Results field, and removes forged ones.',
  keys: {
    directions: key(
      directions(),
      ['inbound'],
      'Which mail is looked at: inbound comes from outside, outbound and internal from registered clients. Forged results under our name are removed from all.',
    ),
    checkClients: key(
      flag(),
      false,
      'Apply SPF and DMARC to registered clients too. Off, only signatures are looked at in their mail, as it starts here.',
    ),
    dmarcReject: key(
      choice(...ON_FAILURE),
      'reject',
      "What happens where DMARC fails and the author's domain asks for p=reject.",
    ),
    dmarcQuarantine: key(choice(...ON_FAILURE), 'hold', 'Likewise for p=quarantine. Held mail is the quarantine.'),
    spfFail: key(
      choice(...ON_FAILURE),
      'off',
      'What happens where SPF says fail, whatever DMARC says. This hits mail that was forwarded.',
    ),
    unclearAuthor: key(
      choice(...ON_FAILURE),
      'hold',
      'What happens where From names no domain that could be asked, or several.',
    ),
    temperror: key(
      choice('defer', 'continue'),
      'defer',
      'What happens where the DNS did not answer, and the message would be refused or held without it.',
    ),
    exceptDomains: key(
      list(domainOrBelow()),
      [],
      "Authors' domains for which a DMARC failure is recorded, and nothing done; .example.test stands for all below it.",
      ['lists.example.test'],
    ),
    exceptClients: key(list(text(64)), [], 'Clients for which likewise.', ['partner-gateway']),
    trustedSealers: key(
      list(domain()),
      [],
      "Domains whose ARC seals are believed. Where all sealers of a valid chain are in here and the first saw DMARC pass for the author's domain, a failure here does not count.",
      ['lists.example.test'],
    ),
    authservId: optional(
      pattern('a name of letters, digits, dots and hyphens', /^[A-Za-z0-9][A-Za-z0-9.-]{0,252}$/),
      'mail.example.test',
      'hostname',
      'The name under which results are given (RFC 8601). Relays of one service may share one.',
    ),
    ...limits,
  },
  built: true,
}

export const impersonation: PluginKeys = {
  help: 'Finds mail from outside that pretends to come from us. Needs authentication.',
  keys: {
    ownDomain: key(
      choice(...ACTIONS),
      'hold',
      'What happens to mail from outside whose From is in a domain of ours, where neither SPF nor DKIM prove it.',
    ),
    displayName: key(
      choice(...ACTIONS),
      'tag',
      "What happens to mail whose author's name shows an address of ours, or is the name of one of people, while the address is another's.",
    ),
    domains: key(list(domain()), [], 'Domains of ours besides those under domains.', ['trust.example.test']),
    people: key(
      list(text(400)),
      [],
      'Who is worth pretending to be: a name and an address. The same name may stand there with several addresses.',
      ["'Jane Smith <jane.smith@royal.example.test>'"],
    ),
    except: key(list(authors()), [], 'Authors that nothing is held against: addresses, or @domain.', [
      '@newsletter.example.test',
    ]),
  },
  built: true,
}

function authors(): Field<string> {
  const [whole, address] = [domain(), mailbox()]
  return value('an address, or @domain', (input) => {
    if (typeof input !== 'string') return undefined
    const found = input.startsWith('@') ? whole.safeParse(input.slice(1)) : address.safeParse(input)
    return found.success ? input : undefined
  })
}

const selector = () => pattern('a DKIM selector', /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/)

const date = (): Field<number> =>
  value('a date such as 2026-12-01, or with a time as 2026-12-01T08:00:00Z', (input) => {
    if (typeof input !== 'string' || !/^\d{4}-\d\d-\d\d(?:T[\d:.]+(?:Z|[+-]\d\d:\d\d))?$/.test(input)) return undefined
    const time = Date.parse(input)
    return Number.isNaN(time) ? undefined : time
  })

const PRIVATE_KEY = 'A private key in PEM, RSA or Ed25519, that nobody but its owner can read.'

const signingKey = (context: Context) =>
  section({
    domain: required(domain(), 'royal.example.test', "The domain, as in the signature's d=."),
    selector: required(selector(), 'relay2026', 'Under selector._domainkey.domain stands the public key.'),
    key: required(path(context), 'keys/royal.pem', PRIVATE_KEY),
    activeFrom: optional(
      date(),
      '2026-12-01',
      'at once',
      'When it begins to sign, in place of the one of its kind that began before: publish the new key first, take out the old one a week later.',
    ),
    clients: optional(
      list(text(64), { min: 1 }),
      ['trust-gateway'],
      'those whose reverse-path is in the domain',
      'Clients that may write in the name of the domain, whatever their reverse-path.',
    ),
  })

export const sign = (context: Context): PluginKeys => ({
  help: 'Signs what goes out with DKIM, and seals what is forwarded with ARC.',
  keys: {
    selector: required(
      selector(),
      'relay2026',
      "The selector of this relay's own key: under relay2026._domainkey and its domain stands the public key.",
    ),
    key: required(path(context), 'keys/relay2026.pem', PRIVATE_KEY),
    domain: optional(domain(), 'relay.example.test', 'hostname', 'The domain of that key.'),
    keys: key(
      list(signingKey(context), { max: 10_000 }),
      [],
      "Keys of other domains. A message is signed by the author's domain or the nearest above it that has a key, if its sender may write in that name; otherwise by the sender's; otherwise by the default. One RSA and one Ed25519 key of a domain both sign.",
    ),
    defaultDomain: optional(domain(), 'relay.example.test', 'domain', 'Whose key signs for senders without one.'),
    directions: key(directions(), ['outbound', 'internal'], 'Which mail is signed.'),
    seal: key(
      directions(),
      [],
      'Which mail is sealed with ARC; it must have passed authentication here. [inbound] for what is forwarded to servers that would check it again.',
      ['inbound'],
    ),
    sealDomain: optional(domain(), 'relay.example.test', 'the default domain', 'Whose key seals.'),
    fields: optional(
      list(fieldName(), { min: 1 }),
      ['From', 'To', 'Subject', 'Date'],
      'what readers see and programs go by',
      'The header fields that are signed where a message has them. From is always among them.',
    ),
    oversign: optional(
      list(fieldName()),
      ['From', 'To', 'Subject'],
      'those that must stand once: From, To, Cc, Subject, Date, Reply-To, Message-ID and those of MIME',
      'Fields signed once more than they are there, so that none can be added.',
    ),
    lifetime: key(orOff(duration('1h', '400d')), 'off', 'How long a signature is valid (x=).'),
  },
  built: true,
})

const fieldName = () => pattern('the name of a header field', /^[A-Za-z][A-Za-z0-9-]{0,75}$/)
