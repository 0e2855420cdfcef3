import type { Content } from '../mail/content.ts'
import { type Reply, reply } from '../mail/reply.ts'
import type { Verdict } from '../mail/verdict.ts'
import { isFieldName } from './fields.ts'
import type { HeaderPair } from './outcome.ts'
import type { Answer, Modification, Removal } from './plugin.ts'

/** A plugin answered what cannot be understood. The message names what is wrong, for the log. */
export class BadAnswer extends Error {
  override readonly name = 'BadAnswer'
}

// A reason is stored with every message, a reply travels on the wire, a field in the message
const MAX_REASON = 500
const MAX_FIELDS = 50
const MAX_VALUE = 16_384
const LONG_WORD = /\S{901}/
const MAX_LINES = 10
const MAX_LINE = 400
const MAX_MODIFICATIONS = 500
const MAX_FACTS = 8192

type Unknown = Readonly<Record<string, unknown>>

const isObject = (value: unknown): value is Unknown => typeof value === 'object' && value !== null

/** The answer as a verdict whose every part can be relied on. Throws BadAnswer if it is none. */
export function checkVerdict(answer: unknown): Verdict {
  if (!isObject(answer)) throw new BadAnswer('the answer is no verdict')
  const { action } = answer
  if (action === 'continue') return { action }
  if (action === 'hold' || action === 'discard') return { action, reason: checkReason(answer) }
  if (action === 'tag') return { action, reason: checkReason(answer), fields: checkFields(answer.fields) }
  if (action !== 'defer' && action !== 'reject') throw new BadAnswer('the verdict has no action that is known')
  return { action, reason: checkReason(answer), reply: checkReply(action, answer.reply) }
}

/** A verdict alone, or one with what goes along. Throws BadAnswer if any part is wrong. */
export function checkAnswer(answer: unknown): Answer {
  if (!isObject(answer) || !isObject(answer.verdict)) return { verdict: checkVerdict(answer) }
  const { verdict, add, remove, facts } = answer
  return {
    verdict: checkVerdict(verdict),
    ...(add !== undefined && { add: checkFields(add) }),
    ...(remove !== undefined && { remove: checkRemovals(remove) }),
    ...(facts !== undefined && { facts: checkFacts(facts) }),
  }
}

function checkRemovals(given: unknown): readonly Removal[] {
  if (!Array.isArray(given) || given.length > MAX_FIELDS) throw new BadAnswer(`remove is no list of ${MAX_FIELDS}`)
  return given.map((removal: unknown) => {
    if (!isObject(removal)) throw new BadAnswer('a removal is no object')
    return checkRemoval(removal)
  })
}

/** Facts are stored with every message: plain, and not many. A copy, so that nothing changes them later. */
function checkFacts(given: unknown): Readonly<Record<string, unknown>> {
  if (!isObject(given)) throw new BadAnswer('the facts are no object')
  const text = JSON.stringify(given)
  if (text.length > MAX_FACTS) throw new BadAnswer(`the facts have over ${MAX_FACTS} characters`)
  return JSON.parse(text)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g

function checkReason({ reason }: Unknown): string {
  if (typeof reason !== 'string' || reason === '') throw new BadAnswer('the verdict has no reason')
  return reason.slice(0, MAX_REASON).replace(CONTROL, ' ')
}

function checkFields(fields: unknown): readonly HeaderPair[] {
  if (!Array.isArray(fields) || fields.length > MAX_FIELDS) throw new BadAnswer(`fields is no list of ${MAX_FIELDS}`)
  return fields.map((field: unknown) => {
    if (!Array.isArray(field)) throw new BadAnswer('a header field is no pair of name and value')
    return checkField(field[0], field[1])
  })
}

function checkField(name: unknown, value: unknown): HeaderPair {
  if (typeof name !== 'string' || !isFieldName(name)) throw new BadAnswer('a header field has no valid name')
  if (name.toLowerCase() === 'received') throw new BadAnswer('a plugin cannot add Received fields')
  if (typeof value !== 'string' || value.length > MAX_VALUE)
    throw new BadAnswer(`the value of ${name} is no valid text`)
  // RFC 5322 section 2.1.1: a line has at most 998 octets, and only words can be parted
  if (LONG_WORD.test(value)) throw new BadAnswer(`a word in the value of ${name} is too long for a line`)
  return [name, value]
}

/** A rejection is 5xx and a deferral 4xx, with an enhanced code of the same class (RFC 2034 section 4). */
function checkReply(action: 'defer' | 'reject', given: unknown): Reply {
  const digit = action === 'defer' ? 4 : 5
  if (!isObject(given)) throw new BadAnswer('the verdict has no reply')
  const { code, enhanced, lines } = given
  if (typeof code !== 'number' || Math.floor(code / 100) !== digit || !Number.isInteger(code)) {
    throw new BadAnswer(`the reply of a verdict to ${action} is no ${digit}xx`)
  }
  if (
    enhanced !== null &&
    (typeof enhanced !== 'string' || !new RegExp(`^${digit}\\.\\d{1,3}\\.\\d{1,3}$`).test(enhanced))
  ) {
    throw new BadAnswer(`the enhanced code of the reply is no ${digit}.x.x`)
  }
  if (!Array.isArray(lines) || lines.length === 0 || lines.length > MAX_LINES)
    throw new BadAnswer('the reply has no text')
  if (!lines.every((line) => typeof line === 'string' && line.length <= MAX_LINE)) {
    throw new BadAnswer(`a line of the reply is no text of at most ${MAX_LINE} characters`)
  }
  return reply(code, enhanced, ...lines)
}

/** The answer of a modifier, each part checked. Throws BadAnswer if any is wrong: then none of them applies. */
export function checkModifications(answer: unknown): readonly Modification[] {
  if (!Array.isArray(answer)) throw new BadAnswer('the answer is no list of modifications')
  if (answer.length > MAX_MODIFICATIONS) throw new BadAnswer(`more than ${MAX_MODIFICATIONS} modifications`)
  return answer.map(checkModification)
}

function checkModification(given: unknown): Modification {
  if (!isObject(given)) throw new BadAnswer('a modification is no object')
  if (given.do === 'addHeader') {
    const [name, value] = checkField(given.name, given.value)
    return { do: 'addHeader', name, value }
  }
  if (given.do === 'removeHeader') return { do: 'removeHeader', ...checkRemoval(given) }
  if (given.do === 'replaceContent') {
    const content = checkContent(given.content)
    return { do: 'replaceContent', content, ...(given.encrypted === true && { encrypted: true }) }
  }
  throw new BadAnswer('a modification does nothing that is known')
}

function checkRemoval({ name, matches }: Unknown): Removal {
  if (typeof name !== 'string' || !isFieldName(name)) throw new BadAnswer('a header field has no valid name')
  // RFC 5321 section 4.4: trace fields are not to be changed
  if (name.toLowerCase() === 'received') throw new BadAnswer('a plugin cannot remove Received fields')
  if (matches === undefined) return { name }
  if (typeof matches !== 'function') throw new BadAnswer('matches is no function')
  return { name, matches: (value) => matches(value) === true }
}

function checkContent(given: unknown): Content {
  if (!isObject(given)) throw new BadAnswer('the content is none')
  const { size, bytes, stream } = given
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0)
    throw new BadAnswer('the content has no size')
  if (bytes !== null && !(Buffer.isBuffer(bytes) && bytes.length === size)) {
    throw new BadAnswer('the bytes of the content are not those of its size')
  }
  if (typeof stream !== 'function') throw new BadAnswer('the content has no stream')
  return given as unknown as Content
}
