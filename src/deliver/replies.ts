import { type Reply, reply } from '../mail/reply.ts'
import type { RecipientReply } from '../smtp/client/contract.ts'

// Tells, wherever only the text was kept, what this relay said itself from what a next hop said
const MARK = '(relay) '

/** Something that this relay has to say about a recipient, in the form of a reply. */
export const ownReply = (code: number, enhanced: string, text: string): Reply => reply(code, enhanced, `${MARK}${text}`)

/** The same reply as coming from this relay. */
export const asOwn = ({ code, enhanced, lines }: Reply): Reply => reply(code, enhanced, `${MARK}${lines.join(' ')}`)

/** Whether a reply, or the text of one, was made by this relay. */
export const isOwn = (text: string): boolean => text.includes(MARK)

/** The enhanced status of a reply; one that has none gets the general one of its class. */
export const statusOf = ({ code, enhanced }: Reply): string => enhanced ?? `${Math.trunc(code / 100)}.0.0`

/** The status in the text of a reply as the spool keeps it (`451 4.4.1 …`), with the class that is wanted. */
export function statusIn(text: string | null, wanted: 4 | 5): string {
  const [, detail] = /^\d{3} [245](\.\d{1,3}\.\d{1,3})\b/.exec(text ?? '') ?? []
  return `${wanted}${detail ?? '.0.0'}`
}

// RFC 4954 section 6: authentication is wanted, was refused, or needs TLS first
const ABOUT_US: ReadonlySet<number> = new Set([530, 535, 538])

/** A refusal by a host that an operator named, for want of a login, is about our set-up and can be put right. */
export const kinder = (all: readonly RecipientReply[]): readonly RecipientReply[] =>
  all.some(isAboutUs) ? all.map((said) => (isAboutUs(said) ? { ...said, is: 'deferred' } : said)) : all

const isAboutUs = (said: RecipientReply): said is Exclude<RecipientReply, { is: 'unknown' }> =>
  said.is === 'failed' && said.ours !== true && ABOUT_US.has(said.reply.code)
