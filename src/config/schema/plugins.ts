import { type Context, path } from '../context.ts'
import { type Keys, key, required } from '../fields.ts'
import { choice, duration, integer, pattern, size, text } from '../kinds.ts'

/** What the configuration knows of one built-in plugin: its options besides mode and deadline. */
export interface PluginKeys {
  readonly help: string
  readonly keys: Keys
  /** False: known by name, not part of this version. Naming it is an error, for mail would pass without it. */
  readonly built: boolean
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

/** Every built-in plugin by the name that stands in `inspect`. */
export const plugins = (context: Context): Readonly<Record<string, PluginKeys>> => ({
  headers,
  senders: senders(context),
  authentication: {
    help: 'Proves who sent a message: SPF, DKIM, DMARC, ARC.',
    keys: {},
    built: false,
  },
  virus: {
    help: 'Hands each message to ClamAV.',
    keys: {
      clamd: required(text(1024), '/run/clamav/clamd.ctl', "clamd's socket: a path, or host:port."),
      unavailable: key(choice('defer', 'hold'), 'defer', 'What happens to mail while clamd does not answer.'),
    },
    built: false,
  },
  spam: {
    help: 'Asks Rspamd for a score.',
    keys: {
      rspamd: required(
        pattern('an http address', /^https?:\/\/\S{1,1000}$/),
        'http://127.0.0.1:11333',
        'Where Rspamd answers.',
      ),
      reject: key(integer(1, 1000), 15, 'The score from which mail is refused.'),
      tag: key(integer(1, 1000), 6, 'The score from which mail is marked.'),
      unavailable: key(choice('accept', 'defer'), 'accept', 'What happens to mail while Rspamd does not answer.'),
    },
    built: false,
  },
  encryptedAttachments: {
    help: 'Finds attachments that no scanner can open.',
    keys: { action: key(choice('reject', 'hold', 'tag'), 'reject', 'What happens to such mail.') },
    built: false,
  },
  tagline: {
    help: 'Puts a text under messages.',
    keys: { text: required(path(context), 'tagline.txt', 'The file that holds the text.') },
    built: false,
  },
  sign: {
    help: 'Signs what goes out with DKIM.',
    keys: {
      selector: required(pattern('a DKIM selector', /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/), 'relay2026', 'The selector.'),
      key: required(path(context), 'keys/relay2026.pem', 'The private key in PEM.'),
    },
    built: false,
  },
})
