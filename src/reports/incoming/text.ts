const LONGEST = 255

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
const CONTROL = /[\u0000-\u001f\u007f]+/g

/** Text of a stranger, short and on one line. */
export const clean = (text: string, limit = LONGEST): string => text.replace(CONTROL, ' ').trim().slice(0, limit)

/** A domain as it is compared: lower case, without a final dot. */
export const cleanDomain = (text: string): string => clean(text).toLowerCase().replace(/\.$/, '')

/** A count that adds up: whole, not below zero, and so that sums stay exact. */
export const cleanCount = (value: number): number =>
  Number.isFinite(value) ? Math.min(Math.max(0, Math.floor(value)), 1e12) : 0
