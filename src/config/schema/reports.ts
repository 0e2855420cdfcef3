import { key, optional, section } from '../fields.ts'
import { duration, flag, mailbox, text } from '../kinds.ts'

const receive = (example: string, what: string) =>
  optional(
    mailbox(),
    example,
    'nobody reads them here',
    `The address where ${what} about us arrive. Mail to it is taken from anywhere and read by this server; it may be in a domain of ours, or at hostname.`,
  )

const tls = section({
  send: key(flag(), true, 'Send reports of how TLS fared with mail to domains that ask for them (RFC 8460).'),
  receive: receive('tls-reports@royal.example.test', 'TLS reports'),
  privateAddresses: key(
    flag(),
    false,
    'Post reports also to hosts with private addresses. A domain may name any host to post its reports to.',
  ),
  postTimeout: key(duration('1s', '10m'), '30s', 'How long posting one report may take.'),
})

const dmarc = section({
  send: key(
    flag(),
    true,
    'Send aggregate reports of what the plugin authentication found to domains that ask for them (RFC 7489).',
  ),
  receive: receive('dmarc-reports@royal.example.test', 'DMARC aggregate reports'),
})

export const reports = section({
  organisation: optional(
    text(200),
    'Example Health Service',
    'no reports are sent',
    'Who reports, in words. Reports are sent only with this and from.',
  ),
  from: optional(
    mailbox(),
    'reports@royal.example.test',
    'no reports are sent',
    'The author of our reports. The plugin sign must have a key for its domain: reports without a signature are not believed. Their reverse-path is null.',
  ),
  contact: optional(text(200), 'https://mail.example.test/help', 'from', 'How those who get our reports may reach us.'),
  tls: key(tls, {}, 'Reports of TLS, RFC 8460.'),
  dmarc: key(dmarc, {}, 'Aggregate reports of DMARC, RFC 7489.'),
  spread: key(
    duration('0', '12h'),
    '4h',
    'Reports of a day go out at some moment of this long after midnight (UTC), so that not all come at once.',
  ),
  keep: key(
    duration('7d', '3650d'),
    '90d',
    'How long reports that were received are kept, and what was sent is known.',
  ),
})
