import { type Context, path } from '../context.ts'
import { type Keys, key, list, optional, required, section } from '../fields.ts'
import { choice, orOff, pattern, size, text } from '../kinds.ts'
import type { PluginKeys } from './plugins.ts'

/** Checked in full by the plugin. */
const domains = () => list(pattern('a domain, .domain for all names below it, or *', /^(?:\*|\.?[^\s@*]{1,253})$/))

/** What every text that is put into mail has. */
const textKeys = (place: 'top' | 'bottom'): Keys => ({
  place: key(choice('top', 'bottom'), place, 'Above or below the text of the message.'),
  repeat: key(
    choice('thread', 'always'),
    'thread',
    'thread: not where the message shows the text already, quoted or not.',
  ),
  maxText: key(
    size('1KiB', '16MiB'),
    '1MiB',
    'Messages with more text than that, attachments not counted, are left alone.',
  ),
})

const html = (context: Context) =>
  optional(path(context), 'texts/trust-a.html', 'made of the text', 'The same as HTML, without html and body.')

const taglineRule = (context: Context) =>
  section({
    client: key(list(text(255)), ['*'], 'Names of registered clients.'),
    from: key(domains(), ['*'], 'Domains of the reverse-path.'),
    to: key(domains(), ['*'], 'Domains of which every recipient must be in one.'),
    direction: key(
      list(choice('inbound', 'outbound', 'internal', '*')),
      ['outbound'],
      'Which way the mail goes; inbound is from outside to a domain of ours.',
    ),
    text: required(
      orOff(path(context)),
      'texts/trust-a.txt',
      'The text, a file in UTF-8 of any number of lines; off: such mail gets none.',
    ),
    html: html(context),
  })

export const tagline = (context: Context): PluginKeys => ({
  help: 'Puts a text into mail: that of the first rule that matches, else its own into outbound mail.',
  keys: {
    rules: key(list(taglineRule(context)), [], 'Who gets which text.'),
    text: optional(
      path(context),
      'texts/tagline.txt',
      'mail that no rule matches gets none',
      'The text for outbound mail that no rule matches, a file in UTF-8.',
    ),
    html: html(context),
    ...textKeys('bottom'),
  },
  built: true,
})

export const banner = (context: Context): PluginKeys => ({
  help: 'Says in mail from outside that it is from outside.',
  keys: {
    text: required(path(context), 'texts/banner.txt', 'The text, a file in UTF-8.'),
    html: html(context),
    trusted: key(
      domains(),
      [],
      'Domains whose mail needs none, where the authentication plugin found that DMARC passes.',
    ),
    ...textKeys('top'),
  },
  built: true,
})
