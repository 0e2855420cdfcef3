import { parseDomain } from '../../../mail/address.ts'
import { insertText } from '../../../mail/mime/insert/insert.ts'
import type { MessageView, Modifier, PluginContext } from '../../plugin.ts'
import type { DomainSet } from '../tagline/domains.ts'
import { readAddition } from '../tagline/files.ts'
import { changes } from '../tagline/tagline.ts'
import type { BannerOptions } from './options.ts'

const NAME = 'banner'

/** A style sheet in the message must not be able to hide it. */
const STYLE = 'display:block!important;visibility:visible!important;opacity:1!important'

/** Says in mail from outside that it is from outside. Rejects with OptionsError where the text cannot be used. */
export async function bannerPlugin(options: BannerOptions, { log }: PluginContext): Promise<Modifier> {
  const addition = await readAddition(NAME, options.files, STYLE)
  const { place, maxText, repeat, trusted } = options
  return {
    name: NAME,
    async modify(message) {
      if (message.direction !== 'inbound' || isTrusted(trusted, message)) return []
      const once = repeat === 'thread' && isReply(message)
      return changes(NAME, await insertText(message.content, addition, { place, once, maxText }), message, log)
    },
  }
}

/** Only what the relay itself has proved: anybody can write a name into From, or into the envelope. */
function isTrusted(trusted: DomainSet, { results }: MessageView): boolean {
  const proved = results.find(({ plugin, hook }) => plugin === 'authentication' && hook === 'data')
  const dmarc = proved?.failed === true ? null : asRecord(asRecord(proved?.facts)?.dmarc)
  if (dmarc?.result !== 'pass' || typeof dmarc.from !== 'string') return false
  const domain = parseDomain(dmarc.from)
  return domain !== null && trusted.has(domain)
}

const asRecord = (found: unknown): Readonly<Record<string, unknown>> | null =>
  typeof found === 'object' && found !== null ? (found as Readonly<Record<string, unknown>>) : null

const REPLY_FIELDS: ReadonlySet<string> = new Set(['in-reply-to', 'references'])

/** In a first message nobody has quoted a banner: who brings one along wants to be spared ours. */
const isReply = ({ header }: MessageView): boolean => header.some(({ name }) => REPLY_FIELDS.has(name.toLowerCase()))
