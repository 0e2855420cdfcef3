import type { Log } from '../../../log.ts'
import type { Addition } from '../../../mail/mime/insert/addition.ts'
import { type Inserted, insertText } from '../../../mail/mime/insert/insert.ts'
import type { MessageView, Modification, Modifier, PluginContext } from '../../plugin.ts'
import { readAddition, type TextFiles } from './files.ts'
import type { TaglineOptions, TaglineRule } from './options.ts'

const NAME = 'tagline'

/** Puts a text into mail, by rules. Rejects with OptionsError where a text cannot be used. */
export async function taglinePlugin(options: TaglineOptions, { log }: PluginContext): Promise<Modifier> {
  const rules = await withTexts(options.rules)
  const { place, maxText } = options
  const once = options.repeat === 'thread'
  return {
    name: NAME,
    async modify(message) {
      const addition = rules.find(({ rule }) => matches(rule, message))?.addition ?? null
      if (addition === null || isAnswerOfMachine(message)) return []
      return changes(NAME, await insertText(message.content, addition, { place, once, maxText }), message, log)
    },
  }
}

interface Ready {
  readonly rule: TaglineRule
  readonly addition: Addition | null
}

/** Many rules may share a text, which is then read once. */
async function withTexts(rules: readonly TaglineRule[]): Promise<readonly Ready[]> {
  const read = new Map<string, Addition>()
  const ready: Ready[] = []
  for (const rule of rules) ready.push({ rule, addition: rule.files === null ? null : await once(read, rule.files) })
  return ready
}

async function once(read: Map<string, Addition>, files: TextFiles): Promise<Addition> {
  const key = JSON.stringify([files.text, files.html])
  const addition = read.get(key) ?? (await readAddition(NAME, files))
  read.set(key, addition)
  return addition
}

function matches(rule: TaglineRule, { session, mailFrom, rcptTo, direction }: MessageView): boolean {
  if (mailFrom === null || !rule.directions.includes(direction)) return false
  if (rule.clients !== null && (session.client === null || !rule.clients.has(session.client))) return false
  return rule.from.has(mailFrom.domain) && rcptTo.every(({ address }) => rule.to.has(address.domain))
}

/** RFC 3834 section 5: vacation notes, receipts and the like. What a machine writes unasked is mail like any other. */
const isAnswerOfMachine = ({ header }: MessageView): boolean =>
  header.some(({ name, value }) => name.toLowerCase() === 'auto-submitted' && /^\s*auto-replied\b/i.test(value))

/** The changes that come of it; why there are none is for the log. */
export function changes(plugin: string, inserted: Inserted, message: MessageView, log: Log): readonly Modification[] {
  if ('content' in inserted) return [{ do: 'replaceContent', content: inserted.content }]
  log.debug({ plugin, session: message.session.id, reason: inserted.leftAlone }, 'a message was left as it is')
  return []
}
