/** What canonical JSON can hold here: no fractions and no undefined, so that one value has one form. */
export type Plain = null | boolean | number | string | readonly Plain[] | { readonly [name: string]: Plain }

/**
 * The one form of a value as JSON (RFC 8785): no spaces, names in the order of their UTF-16 code units.
 * Throws TypeError for what has no such form, such as a fraction or half of a surrogate pair.
 */
export function canonicalJson(value: Plain): string {
  if (value === null || typeof value === 'boolean') return String(value)
  if (typeof value === 'number') return wholeNumber(value)
  if (typeof value === 'string') return text(value)
  if (typeof value !== 'object') throw new TypeError(`${typeof value} has no canonical form`)
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return `{${members.map(([name, member]) => `${text(name)}:${canonicalJson(member)}`).join(',')}}`
}

function wholeNumber(value: number): string {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) throw new TypeError(`${value} has no canonical form`)
  return String(value)
}

// RFC 8785 section 3.2.2.2: as ECMAScript writes strings, and whole characters only
function text(value: string): string {
  if (!value.isWellFormed()) throw new TypeError('half of a surrogate pair has no canonical form')
  return JSON.stringify(value)
}
