import { type Context, path } from '../context.ts'
import {
  type Field,
  type Keys,
  key,
  list,
  optional,
  type Refuse,
  required,
  shaped,
  shorthand,
  value,
} from '../fields.ts'
import { choice, duration, flag, integer, orOff, pattern, size } from '../kinds.ts'
import { attachments } from './attachment-plugin.ts'
import { learnCertificates } from './learn-plugin.ts'
import { authentication, impersonation, sign } from './sender-plugins.ts'
import { sensitive } from './sensitive-plugin.ts'
import { banner, tagline } from './text-plugins.ts'

/** What the configuration knows of one built-in plugin: its options besides mode and deadline. */
export interface PluginKeys {
  readonly help: string
  readonly keys: Keys
  /** False: known by name, not part of this version. Naming it is an error, for mail would pass without it. */
  readonly built: boolean
  /** What one key cannot say alone; mode and deadline are among the values. */
  readonly check?: (values: Readonly<Record<string, unknown>>, refuse: Refuse) => void
}

const ACTIONS = ['off', 'tag', 'hold', 'defer', 'reject'] as const

const headers: PluginKeys = {
  help: 'Refuses headers that different programs would read differently.',
  keys: {
    from: key(choice(...ACTIONS), 'reject', 'Not exactly one From field (RFC 5322 section 3.6).'),
    repeated: key(
      choice(...ACTIONS),
      'reject',
      'A field twice that may stand once only: programs differ on which one they show.',
    ),
    malformed: key(choice(...ACTIONS), 'reject', 'Lines that are no header field.'),
    eightBit: key(choice(...ACTIONS), 'tag', 'Bytes above 127 in the header of a message without SMTPUTF8.'),
    longLines: key(choice(...ACTIONS), 'tag', 'Lines over maxLine.'),
    large: key(choice(...ACTIONS), 'reject', 'More than maxFields fields or maxBytes bytes.'),
    maxLine: key(integer(78, 100_000, 'octets'), 998, 'The longest line of a header (RFC 5322 section 2.1.1).'),
    maxFields: key(integer(10, 100_000, 'fields'), 500, 'The most fields of a header.'),
    maxBytes: key(size('1KiB', '16MiB'), '128KiB', 'The largest header.'),
  },
  built: true,
}

const senders = (context: Context): PluginKeys => ({
  help: 'Refuses senders that a file denies, by their address or by the network they come from.',
  keys: {
    file: required(
      path(context),
      'denied-senders',
      "One entry a line: deny or allow, then a network, an address, '@domain' or '@*.domain'; # starts a comment. What is allowed by one entry is not denied by another. Read again when it changes.",
    ),
    action: key(choice('reject', 'defer', 'hold', 'tag'), 'reject', 'What is done about mail that the file denies.'),
    recheck: key(duration('0', '1d'), '10s', 'How often it is looked whether the file has changed.'),
  },
  built: true,
})

/** One, or a list of several in order of preference. */
const hosts = (one: Field<string>): Field<readonly string[]> => {
  const several = shorthand(list(one, { min: 1, max: 20 }), (input) => (typeof input === 'string' ? [input] : input))
  const brief = 'one, or a list in order of preference'
  return shaped(several, { is: 'value', expects: brief, brief })
}

const socket = pattern(
  'the path of a Unix socket, or host:port',
  /^(\/[^\0]{1,1000}|[A-Za-z0-9._-]{1,253}:\d{1,5}|\[[0-9A-Fa-f:.]{2,45}\]:\d{1,5})$/,
)

const score = (): Field<number> =>
  value('a score, -1000 to 1000', (input) =>
    typeof input === 'number' && input >= -1000 && input <= 1000 ? input : undefined,
  )

const CLAMD = "clamd's MaxThreads"

/** What every scanner is asked with. */
const scannerKeys = (name: string, timeout: string, connections: number): Keys => ({
  timeout: key(
    duration('100ms', '10m'),
    timeout,
    "How long one message may take, with waiting and all hosts that are tried. Keep it below the plugin's deadline: after that every message is deferred.",
  ),
  connectTimeout: key(duration('50ms', '1m'), '2s', 'How long a connection may take before the next host is tried.'),
  idle: key(
    duration('100ms', '10m'),
    '10s',
    `How long a connection without work is kept. Keep it below ${name === CLAMD ? "clamd's IdleTimeout" : "the scanner's own time-out"}.`,
  ),
  connections: key(integer(1, 1_000), connections, `Messages at once at one host: not more than ${name} works on.`),
  waiting: key(
    integer(0, 100_000, 'messages'),
    1_000,
    'Messages that may wait for a host; those beyond it go to the next host, or count as not scanned.',
  ),
  check: key(
    duration('100ms', '1d'),
    '10s',
    'How often each host is looked at. One that fails is left alone for 500ms, doubling up to this.',
  ),
  checkTimeout: key(
    duration('50ms', '10m'),
    '5s',
    'How long it may take to answer that. Mail that waits for a host that does not answer is moved to another.',
  ),
})

type Check = NonNullable<PluginKeys['check']>

/** The chain's deadline always defers, whatever `unavailable` says. */
const timeoutFirst: Check = ({ timeout, deadline }, refuse) => {
  if (Number(timeout) >= Number(deadline))
    refuse(['timeout'], 'timeout must be less than deadline, which would come first and defer every such message')
}

const virus: PluginKeys = {
  help: 'Hands each message to ClamAV. What clamd did not call clean does not pass.',
  keys: {
    clamd: required(hosts(socket), '/run/clamav/clamd.ctl', "clamd's sockets: a path or host:port, or a list of them."),
    action: key(
      choice('reject', 'hold', 'remove'),
      'reject',
      'What happens to a message with a virus. remove takes the attachment out and leaves a notice that names it; where that cannot be done, the message is refused.',
    ),
    unavailable: key(choice('defer', 'hold'), 'defer', 'What happens to mail while no clamd answers.'),
    overLimits: key(
      choice('defer', 'hold', 'reject'),
      'defer',
      "What happens to a message that clamd could not look into to the end because of its own limits. Deferred, it comes back until its sender's relay gives up; hold shows it to a person.",
    ),
    tellName: key(flag(), true, 'Name the virus in the refusal.'),
    ...scannerKeys(CLAMD, '25s', 10),
  },
  built: true,
  check: timeoutFirst,
}

/** What happens to mail by its score, and without one. */
const spamActions = (): Keys => ({
  tag: key(orOff(score()), 6, 'The score from which mail is marked: X-Spam-Flag: YES.'),
  hold: key(orOff(score()), 'off', 'The score from which mail is held for a person.'),
  reject: key(orOff(score()), 15, 'The score from which mail is refused.'),
  unavailable: key(
    choice('accept', 'defer', 'hold'),
    'accept',
    'What happens to mail while no scanner answers. Accepted mail says in its header that it was not scanned.',
  ),
  greylist: key(
    choice('ignore', 'defer'),
    'ignore',
    'What happens when Rspamd would greylist. Its soft reject always defers.',
  ),
})

const spam = (context: Context): PluginKeys => ({
  help: 'Asks Rspamd, or SpamAssassin, for a score.',
  keys: {
    rspamd: key(
      hosts(pattern('an http or https address', /^https?:\/\/[^\s/?#@]{1,300}\/?$/)),
      'http://127.0.0.1:11333',
      "The addresses of Rspamd's normal worker: one, or a list.",
    ),
    spamd: optional(
      hosts(socket),
      '127.0.0.1:783',
      'Rspamd is asked',
      "The sockets of SpamAssassin's spamd, a path or host:port, or a list of them: asked in place of Rspamd.",
    ),
    passwordFile: optional(path(context), 'secrets/rspamd', 'none', "The file whose first line is Rspamd's password."),
    ...spamActions(),
    header: key(
      choice('always', 'tagged', 'never'),
      'always',
      'Which mail says its score and symbols in X-Spam-Status and its like. What comes in under these names is removed.',
    ),
    subject: optional(
      pattern('text of printable ASCII, at most 60 characters', /^[\x21-\x7e][\x20-\x7e]{0,59}$/),
      '[SPAM]',
      'the subject stays',
      'Put in front of the subject of marked mail. This breaks the signatures of its sender.',
    ),
    largest: key(
      size('1KiB', '1GiB'),
      '10MiB',
      'Larger messages are not handed over; their header says so. Spam is small, and scanners have limits of their own.',
    ),
    ...scannerKeys('the scanner', '15s', 20),
  },
  built: true,
  check: timeoutFirst,
})

/** Every built-in plugin by the name that stands in `inspect`. */
export const plugins = (context: Context): Readonly<Record<string, PluginKeys>> => ({
  headers,
  senders: senders(context),
  authentication,
  impersonation,
  virus,
  spam: spam(context),
  attachments,
  banner: banner(context),
  tagline: tagline(context),
  'learn-certificates': learnCertificates,
  sensitive: sensitive(context),
  sign: sign(context),
})
