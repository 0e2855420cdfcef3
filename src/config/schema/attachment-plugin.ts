import { ATTACHMENT_CHECKS, BLOCK_RULES } from '../../mail/attachment-words.ts'
import { type Field, type Keys, key, list, optional, section } from '../fields.ts'
import { choice, integer, pattern, size, text } from '../kinds.ts'
import type { PluginKeys } from './plugins.ts'

const action = () => choice('off', 'tag', 'hold', 'reject')

const extension = () => pattern('an extension such as exe, without a dot', /^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$/)

const domains = () =>
  list(pattern('a domain, .domain for all names below it, or *', /^(?:\*|\.?[^\s@*]{1,253})$/), { min: 1 })

const exception = section({
  clients: optional(
    list(text(64), { min: 1 }),
    ['royal-infirmary'],
    'any',
    "Names of registered clients; '*' is the outside world.",
  ),
  senders: optional(
    domains(),
    ['secure.example.test'],
    'any',
    'Domains of the reverse-path. From outside it counts only where the authentication plugin found that SPF or a signature proves that domain.',
  ),
  recipients: optional(domains(), ['.secure.example.test'], 'any', 'Domains of which every recipient must be in one.'),
  of: key(
    list(choice(...ATTACHMENT_CHECKS), { min: 1 }),
    ['encrypted', 'readable'],
    'The checks that do not count for such mail.',
  ),
})

const actions: Keys = {
  encrypted: key(
    action(),
    'reject',
    'What happens to mail with a file that nobody can read without a password or key.',
  ),
  blocked: key(
    action(),
    'reject',
    'What happens to mail with a file of a kind that may not pass, also within archives.',
  ),
  suspicious: key(
    action(),
    'hold',
    'What happens to mail with a file that cannot be read to its end: damaged, over a limit, or not what its name promises.',
  ),
  ambiguous: key(
    action(),
    'hold',
    'What happens to mail whose MIME structure programs read differently, or that has more parts than maxParts.',
  ),
  readable: key(
    action(),
    'off',
    'What happens to mail with a file that is encrypted, but opens without asking, as many PDF forms do.',
  ),
  unread: key(
    action(),
    'off',
    'What happens to mail with a file whose packing is not read here. Its headers say that it is not encrypted.',
  ),
}

const blocking: Keys = {
  blockedExtensions: optional(
    list(extension()),
    ['exe', 'js', 'iso'],
    "the list in the plugin's README",
    'All extensions that may not pass, in place of our list.',
  ),
  alsoBlocked: key(list(extension()), [], 'Extensions besides these.', ['zipx']),
  allowed: key(
    list(extension()),
    [],
    'Extensions that are taken off the list. What such a file holds is judged all the same: see blockedKinds.',
    ['ics'],
  ),
  blockedKinds: optional(
    list(choice(...BLOCK_RULES)),
    ['extension', 'double-extension', 'executable'],
    'all',
    'What is blocked: by name (the first four), and by content.',
  ),
}

const bytes = (min: string, max: string): Field<unknown> => size(min, max)

const limits: Keys = {
  maxMessage: key(bytes('1KiB', '2GiB'), '128MiB', 'Larger messages are not read, and count as suspicious.'),
  maxParts: key(integer(1, 100_000, 'parts'), 10_000, 'The most parts of a message.'),
  maxPartDepth: key(integer(1, 100), 30, 'The most parts in each other.'),
  maxDepth: key(integer(1, 30), 8, 'The most containers in each other, the attachment counted.'),
  maxItems: key(integer(1, 1_000_000), 10_000, 'The most files that are looked at in one message, archives included.'),
  maxUnpacked: key(bytes('1MiB', '8GiB'), '256MiB', 'The most that one message may unpack to.'),
  maxUnpackedFile: key(bytes('1MiB', '1GiB'), '128MiB', 'The most that one file in an archive may unpack to.'),
  maxLzma: key(
    bytes('1KiB', '1GiB'),
    '32MiB',
    'The most that is unpacked of one archive packed by LZMA, some 25 MB a second. More is unread.',
  ),
  maxRatio: key(integer(10, 100_000), 250, 'The most times that a file may grow as it is unpacked, above ratioFree.'),
  ratioFree: key(bytes('1KiB', '1GiB'), '16MiB', 'Up to this size any ratio will do.'),
  maxWork: key(
    integer(1_000_000, 5_000_000_000),
    1_000_000_000,
    'Units of work for one message; one is about a byte looked at. The default is one to three seconds of a thread.',
  ),
  maxSpins: key(
    integer(0, 1_000_000),
    200_000,
    "Rounds of a key derivation to try Office's own default passwords. Files that ask for more are encrypted.",
  ),
  maxStub: key(bytes('1KiB', '64MiB'), '1MiB', 'How far an archive is searched behind something else.'),
}

export const attachments: PluginKeys = {
  help: 'Finds attachments that no scanner can open, and such as may not pass at all. The worst of what is found counts.',
  keys: {
    ...actions,
    ...blocking,
    exceptions: key(list(exception, { max: 1_000 }), [], 'For which mail some checks do not count.'),
    advice: optional(
      pattern('text of printable ASCII, at most 300 characters', /^[\x20-\x7e]{1,300}$/),
      'Use https://files.example.test for what must be encrypted.',
      'nothing',
      'Said at the end of each refusal.',
    ),
    ...limits,
  },
  built: true,
}
