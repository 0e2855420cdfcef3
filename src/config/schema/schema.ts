import type { z } from 'zod'
import type { Context } from '../context.ts'
import { key, optional, required, section } from '../fields.ts'
import { choice, domain, duration, mailbox, text } from '../kinds.ts'
import { alarms } from './alarms.ts'
import { certificates } from './certificates.ts'
import { clients } from './clients.ts'
import { delivery, notifications, spool, state } from './delivery.ts'
import { dns } from './dns.ts'
import { domains, recipientCheck } from './domains.ts'
import { inspect } from './inspect.ts'
import { ledger } from './ledger.ts'
import { limits } from './limits.ts'
import { listeners, tls } from './listeners.ts'
import { admin, log, metrics, shutdown } from './operate.ts'
import { publish } from './publish.ts'
import { queue } from './queue.ts'
import { receipts } from './receipts.ts'
import { reports } from './reports.ts'
import { routes } from './route.ts'
import { secureDomains } from './secure-domains.ts'

const holds = section({
  deadline: key(duration('1m', '90d'), '5d', 'How long a message that a plugin held waits for a decision.'),
  afterwards: key(
    choice('reject', 'release', 'discard'),
    'reject',
    'What happens to it after that. reject: returned to its sender. release: delivered. discard: dropped.',
  ),
})

// what the reference shows
const CLIENTS = [
  { name: 'royal-infirmary', networks: ['10.20.0.0/24'], senders: ['@royal.example.test'] },
  {
    name: 'pathology-analysers',
    networks: ['10.99.1.0/28'],
    tls: 'optional',
    senders: ['analyser@royal.example.test'],
    device: true,
    rate: '30/minute',
  },
]
const DOMAINS = {
  'royal.example.test': { relayTo: ['mail.royal.example.test'], recipients: 'ask' },
  'clinic.example.test': { lmtp: '/run/dovecot/lmtp', recipients: ['reception', 'nurse'] },
}

const whoAndWhere = (context: Context) => ({
  hostname: required(
    domain(),
    'relay.example.test',
    "This server's own name in the DNS. Other servers see it in greetings and Received fields, and notices come from it.",
  ),
  postmaster: optional(
    mailbox(),
    'postmaster@example.test',
    'postmaster at hostname',
    "Who is responsible: notices name this address, and mail to this server's own postmaster goes there.",
  ),
  support: optional(
    text(200),
    'See https://mail.example.test/help',
    'nothing is added',
    'A line added to every refusal that a sender sees: where to find help.',
  ),
  state: key(state(context), {}, 'Where data lies. In any path of this file $STATE stands for state.dir.'),
  listeners: required(listeners(), [{ port: 25 }], 'Where Postern listens.'),
  tls: key(tls(context), {}, 'The certificate that listeners show, and what TLS must be like.'),
  clients: key(
    clients(),
    [],
    'The registered sources of mail: servers, applications, devices. Everybody else may send to the domains below only.',
    CLIENTS,
  ),
  domains: key(
    domains(context),
    {},
    'The domains that mail is taken for from anybody, and where their mail goes.',
    DOMAINS,
  ),
  recipientCheck: key(recipientCheck(), {}, "How a domain's server is asked for its recipients (recipients: ask)."),
  routes: key(routes(context), {}, 'The way out for everything else.'),
  secureDomains: optional(
    secureDomains(context),
    { file: 'secure-domains.csv' },
    'no domain is secure in this sense',
    'The domains that mail must only reach over a proven path: never in clear, never by another way.',
  ),
})

const howMuchAndHow = (context: Context) => ({
  limits: key(limits, {}, 'What one sender may take of this server. clients can have limits of their own.'),
  queue: key(queue, {}, 'How long and how often delivery is tried.'),
  notifications: key(notifications, {}, 'What senders are told of mail that waits or fails.'),
  ledger: key(ledger(context), {}, 'The record of what happened to each message.'),
  receipts: key(receipts(context), {}, 'Signed certificates of what became of a message (postern receipt).'),
  spool: key(spool, {}, 'How messages lie on disk.'),
  delivery: key(delivery, {}, 'How we appear to next hops, and how long we wait for them.'),
  dns: key(dns, {}, 'Who answers questions about names.'),
  inspect: key(
    inspect(context),
    [],
    'The plugins that each message passes before it is acknowledged, in this order. None: nothing is inspected.',
  ),
  certificates: key(
    certificates(context),
    {},
    "Recipients' S/MIME certificates (postern certificate), for sensitive mail.",
  ),
  holds: key(holds, {}, 'What becomes of held messages.'),
  alarms: key(alarms, {}, 'What operators must hear at once: in the log, the metrics, postern status, and by mail.'),
  reports: key(reports, {}, 'Daily reports of TLS and DMARC: those that we send, and those about us.'),
  publish: key(
    publish(context),
    {},
    'What others find out about this service: records in the DNS (postern dns), and our MTA-STS policy.',
  ),
  log: key(log, {}, 'One line of JSON an event, to standard output. Never holds content or subjects.'),
  admin: key(admin(context), {}, 'The socket for operators.'),
  metrics: key(metrics, {}, 'For monitoring.'),
  shutdown: key(shutdown, {}, 'How the daemon stops.'),
})

/** Every key that there is. The order is that of the reference file. */
export const schema = (context: Context) => section({ ...whoAndWhere(context), ...howMuchAndHow(context) })

export type Parsed = z.output<ReturnType<typeof schema>>
