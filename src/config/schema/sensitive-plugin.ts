import { type Context, path } from '../context.ts'
import { key, list, optional } from '../fields.ts'
import { integer, pattern, size } from '../kinds.ts'
import type { PluginKeys } from './plugins.ts'

const ascii = (most: number) =>
  pattern(`at most ${most} characters of printable ASCII`, new RegExp(`^[\\x20-\\x7e]{1,${most}}$`))

/** The keys of the plugin that sees to it that mail marked as sensitive never leaves in clear. */
export const sensitive = (context: Context): PluginKeys => ({
  help: 'Mail that clients mark as sensitive, and all mail of clients with sensitive: true, leaves over a path that secureDomains calls proven, encrypted with S/MIME, or not at all.',
  keys: {
    tags: key(
      list(pattern('2 to 100 characters', /^.{2,100}$/u), { max: 20 }),
      ['[secure]'],
      'What marks a message, anywhere in its subject. Case and encoding do not matter.',
    ),
    headers: key(
      list(pattern("'Name: value'", /^[!-9;-~]{1,76}:\s*\S.{0,200}$/), { max: 20 }),
      ['X-Postern-Secure: yes'],
      "Header fields that mark a message; '*' is any value. 'Sensitivity: Company-Confidential' (RFC 2156) is what Outlook sends.",
    ),
    outerSubject: key(
      ascii(200),
      '[...]',
      'The subject that everybody can see on an encrypted message. The true one is inside.',
    ),
    advice: key(
      ascii(300),
      'Ask the postmaster to register their domain as secure, or their S/MIME certificates',
      'What a sender is told to do about recipients who cannot be reached securely.',
    ),
    key: optional(
      path(context),
      'keys/smime.pem',
      'nothing is signed',
      'A private RSA key: what is encrypted is signed with it.',
    ),
    certificate: optional(
      path(context),
      'keys/smime.crt',
      'nothing is signed',
      "The key's S/MIME certificate, PEM, and after it those that lead to the authority.",
    ),
    maxEncrypted: key(
      integer(1, 1_000, 'recipients'),
      50,
      'The most recipients that one message is encrypted for. Each gets a message of its own, which passes all plugins by itself.',
    ),
    largest: key(size('1KiB', '128MiB'), '25MiB', 'The largest message that is encrypted.'),
  },
  built: true,
  check({ key: file, certificate }, refuse) {
    if ((file === null) !== (certificate === null))
      refuse([], 'key and certificate belong together: give both, or neither')
  },
})
