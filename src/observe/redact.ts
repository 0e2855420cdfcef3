import { createHmac } from 'node:crypto'

const HIDDEN = '[hidden]'
const DEEPEST = 4

/**
 * Names whose values never reach the log, in lower case: secrets, and what a message says.
 * The caller's care comes first; this is the net below it.
 */
const SECRET = new Set([
  'authorization',
  'content',
  'cookie',
  'credential',
  'credentials',
  'pass',
  'passphrase',
  'passwd',
  'password',
  'pin',
  'privatekey',
  'secret',
  'subject',
  'token',
])

type Fields = Record<string, unknown>

export interface RedactOptions {
  /** Characters that a string may have. */
  readonly longest: number
  /** Where given, every e-mail address becomes a token made with this key; 32 random bytes, kept secret. */
  readonly addressKey: Buffer | null
}

/**
 * Makes the function that every line of the log goes through: it replaces secrets, cuts long
 * strings, and hides addresses where that is wanted. It returns the very object it was given where
 * nothing had to change, which is nearly always.
 */
export function createRedactor({ longest, addressKey }: RedactOptions): (fields: Fields) => Fields {
  const isSecret = secretNames()
  const hide = addressKey === null ? (text: string) => text : addressHider(addressKey)

  function inFields(fields: Fields, depth: number): Fields {
    let changed: Fields | null = null
    for (const name in fields) {
      const before = fields[name]
      const after = isSecret(name) ? HIDDEN : inValue(before, depth)
      if (after === before) continue
      changed ??= { ...fields }
      changed[name] = after
    }
    return changed ?? fields
  }

  function inValue(value: unknown, depth: number): unknown {
    if (typeof value === 'string') return hide(value.length > longest ? `${value.slice(0, longest)}…` : value)
    if (typeof value !== 'object' || value === null || value instanceof Error) return value
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
    if (depth === DEEPEST) return '[deep]'
    return Array.isArray(value) ? inList(value, depth + 1) : inFields(value as Fields, depth + 1)
  }

  function inList(list: readonly unknown[], depth: number): readonly unknown[] {
    const after = list.map((item) => inValue(item, depth))
    return after.some((item, i) => item !== list[i]) ? after : list
  }

  return (fields) => inFields(fields, 0)
}

// An address with a quoted local part, or a run of characters that may be one: each character is read a bounded number
// of times, as hostile peers write into what is logged
const CANDIDATE = /"(?:[^"\\]|\\.){0,64}"@[^\s<>()[\]"',:;=]+|[^\s<>()[\]"',:;=]+/g

/** Whether there is something on both sides of an `@`. */
function isAddress(run: string): boolean {
  const at = run.indexOf('@', 1)
  return at > 0 && at < run.length - 1
}

// Without a key a token could be undone by trying addresses out, of which a health service has lists
function addressHider(key: Buffer): (text: string) => string {
  const token = (address: string) =>
    `addr:${createHmac('sha256', key).update(address.toLowerCase()).digest('hex').slice(0, 16)}`
  const hide = (run: string) => (isAddress(run) ? token(run) : run)
  return (text) => (text.includes('@') ? text.replace(CANDIDATE, hide) : text)
}

// Names come from the code, so there are few of them; the bound is for facts that a plugin makes up
const NAMES_AT_MOST = 1_000

function secretNames(): (name: string) => boolean {
  const known = new Map<string, boolean>()
  return (name) => {
    const answer = known.get(name) ?? SECRET.has(name.toLowerCase())
    if (known.size < NAMES_AT_MOST) known.set(name, answer)
    return answer
  }
}
