import { type Context, path } from '../context.ts'
import { type Keys, key, required } from '../fields.ts'
import { choice, integer, pattern, text } from '../kinds.ts'

/** What the configuration knows of one built-in plugin: its options besides mode and deadline. */
export interface PluginKeys {
  readonly help: string
  readonly keys: Keys
  /** False: known by name, not part of this version. Naming it is an error, for mail would pass without it. */
  readonly built: boolean
}

/** Every built-in plugin by the name that stands in `inspect`. */
export const plugins = (context: Context): Readonly<Record<string, PluginKeys>> => ({
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
