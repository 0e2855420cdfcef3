import { type BlockList, DEFAULT_BLOCKED } from '../../attachments/blocked/list.ts'
import type { BlockRule } from '../../attachments/finding.ts'
import { DEFAULT_LIMITS, type Limits } from '../../attachments/limits.ts'
import { OptionsError, OptionsReader } from '../../options.ts'
import { DomainSet } from '../tagline/domains.ts'
import type { Examination } from './examine.ts'
import type { Exception } from './exceptions.ts'
import { CHECKS, type Check } from './findings.ts'
import { ACTIONS, NAME, type Policy } from './policy.ts'

export interface AttachmentsOptions {
  readonly policy: Policy
  readonly exceptions: readonly Exception[]
  readonly examination: Examination
  /** Bytes; larger messages are not read, and `suspicious`. */
  readonly maxMessage: number
}

const MIB = 1024 * 1024
const GIB = 1024 * MIB

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseAttachmentsOptions(raw: unknown): AttachmentsOptions {
  const reader = new OptionsReader(NAME, raw)
  const options: AttachmentsOptions = {
    policy: readPolicy(reader),
    exceptions: reader.maps('exceptions').map((each, i) => parseException(each, `${NAME}: exception ${i + 1}`)),
    examination: {
      limits: readLimits(reader),
      blocked: readBlocked(reader),
      maxParts: reader.integer('maxParts', 1, 100_000, 10_000),
      maxPartDepth: reader.integer('maxPartDepth', 1, 100, 30),
    },
    maxMessage: reader.integer('maxMessage', 1024, 2 * GIB, 128 * MIB),
  }
  reader.done()
  return options
}

function readPolicy(reader: OptionsReader): Policy {
  const actions = {
    encrypted: reader.choice('encrypted', ACTIONS, 'reject'),
    blocked: reader.choice('blocked', ACTIONS, 'reject'),
    suspicious: reader.choice('suspicious', ACTIONS, 'hold'),
    ambiguous: reader.choice('ambiguous', ACTIONS, 'hold'),
    readable: reader.choice('readable', ACTIONS, 'off'),
    unread: reader.choice('unread', ACTIONS, 'off'),
  }
  const advice = reader.text('advice')
  if (advice !== null && !/^[\x20-\x7e]{1,300}$/.test(advice))
    throw new OptionsError(`${NAME}: advice: expected printable ASCII, at most 300 characters`)
  return { actions, advice }
}

/** Null where it is the default. */
function readBlocked(reader: OptionsReader): BlockList | null {
  const listed = reader.list('blockedExtensions', DEFAULT_BLOCKED.extensions).map(extension)
  const also = reader.list('alsoBlocked', []).map(extension)
  const allowed = new Set(reader.list('allowed', []).map(extension))
  const rules = reader.list('blockedKinds', DEFAULT_BLOCKED.rules).map(rule)
  const extensions = [...new Set([...listed, ...also])].filter((each) => !allowed.has(each))
  const isDefault = same(extensions, DEFAULT_BLOCKED.extensions) && same(rules, DEFAULT_BLOCKED.rules)
  return isDefault ? null : { extensions, rules }
}

const same = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((each, i) => each === b[i])

function extension(text: string): string {
  if (/^[a-z0-9][a-z0-9_-]{0,31}$/i.test(text)) return text.toLowerCase()
  throw new OptionsError(`${NAME}: expected an extension such as exe, without a dot, found '${text}'`)
}

function rule(text: string): BlockRule {
  const found = DEFAULT_BLOCKED.rules.find((each) => each === text)
  if (found !== undefined) return found
  throw new OptionsError(`${NAME}: blockedKinds: expected some of ${DEFAULT_BLOCKED.rules.join(', ')}, found '${text}'`)
}

function readLimits(reader: OptionsReader): Limits {
  const standard = DEFAULT_LIMITS
  return {
    ...standard,
    maxDepth: reader.integer('maxDepth', 1, 30, standard.maxDepth),
    maxItems: reader.integer('maxItems', 1, 1_000_000, standard.maxItems),
    maxBytes: reader.integer('maxUnpacked', MIB, 8 * GIB, standard.maxBytes),
    maxItemBytes: reader.integer('maxUnpackedFile', MIB, GIB, standard.maxItemBytes),
    maxLzmaBytes: reader.integer('maxLzma', 1024, GIB, standard.maxLzmaBytes),
    maxRatio: reader.integer('maxRatio', 10, 100_000, standard.maxRatio),
    ratioFreeBytes: reader.integer('ratioFree', 1024, GIB, standard.ratioFreeBytes),
    maxWork: reader.integer('maxWork', 1_000_000, 5_000_000_000, standard.maxWork),
    maxSpins: reader.integer('maxSpins', 0, 1_000_000, standard.maxSpins),
    maxStubBytes: reader.integer('maxStub', 1024, 64 * MIB, standard.maxStubBytes),
  }
}

function parseException(raw: Readonly<Record<string, unknown>>, place: string): Exception {
  const reader = new OptionsReader(place, raw)
  const clients = listOrNull(reader, raw, 'clients')
  const senders = listOrNull(reader, raw, 'senders')
  const recipients = listOrNull(reader, raw, 'recipients')
  const exception: Exception = {
    clients: clients === null ? null : new Set(clients),
    senders: senders === null ? null : DomainSet.parse(senders, `${place}: senders`),
    recipients: recipients === null ? null : DomainSet.parse(recipients, `${place}: recipients`),
    of: reader.list('of', ['encrypted', 'readable']).map((text) => check(text, place)),
  }
  reader.done()
  if (clients === null && senders === null && recipients === null)
    throw new OptionsError(`${place}: expected clients, senders or recipients, found none: it would be for all mail`)
  return exception
}

/** Left out, or null: any. An empty list is refused: it would match nothing. */
function listOrNull(
  reader: OptionsReader,
  raw: Readonly<Record<string, unknown>>,
  key: string,
): readonly string[] | null {
  if ((raw[key] ?? null) !== null) return reader.texts(key)
  reader.list(key, [])
  return null
}

function check(text: string, place: string): Check {
  const found = CHECKS.find((each) => each === text)
  if (found !== undefined) return found
  throw new OptionsError(`${place}: of: expected some of ${CHECKS.join(', ')}, found '${text}'`)
}
