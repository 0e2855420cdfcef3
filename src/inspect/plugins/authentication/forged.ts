/** The field that says what we found, RFC 8601. */
export const RESULTS_FIELD = 'Authentication-Results'

/**
 * Whether a field's value bears this authserv-id (RFC 8601 sections 2.2 and 5): after comments and
 * white space, a token or a quoted string, in any case. What cannot be read is taken to bear it.
 */
export function bears(authservId: string, value: string): boolean {
  const found = readId(value)
  return found === null || found.toLowerCase() === authservId.toLowerCase()
}

/** The authserv-id, or null where it cannot be read. */
function readId(value: string): string | null {
  const at = skipComments(value)
  if (at === null) return null
  if (value[at] === '"') return readQuoted(value, at + 1)
  return /^[^\s;()"]*/.exec(value.slice(at))?.[0] ?? null
}

function skipComments(value: string): number | null {
  let depth = 0
  for (let at = 0; at < value.length; at++) {
    const c = value[at] ?? ''
    if (depth > 0 && c === '\\') at++
    else if (c === '(') depth++
    else if (c === ')' && depth > 0) depth--
    else if (depth === 0 && !/\s/.test(c)) return at
  }
  return depth > 0 ? null : value.length
}

function readQuoted(value: string, from: number): string | null {
  let text = ''
  for (let at = from; at < value.length; at++) {
    const c = value[at] ?? ''
    if (c === '"') return text
    text += c === '\\' ? (value[++at] ?? '') : c
  }
  return null
}
