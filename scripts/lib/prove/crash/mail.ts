/** The messages of the proof: each has an id, from which its content follows to the byte, and so what arrives can be judged. */

/**
 * What becomes of it: the next hop takes it, at once (`large`: long content) or at the second attempt, refuses it for
 * good, has no room for it yet (`stuck`), or never (`old`, which comes back for its age); is down at times, or slow.
 */
export const KINDS = ['good', 'large', 'late', 'refused', 'stuck', 'old', 'away', 'slow'] as const
export type Kind = (typeof KINDS)[number]

const ID_FIELD = 'X-Proof-Id'
const ID = /^X-Proof-Id: ([\w-]+)\r?$/m
const LINE = `${'patient '.repeat(9).trim()}\r\n`
const LINES: Readonly<Partial<Record<Kind, number>>> = { good: 25, large: 2200 }
const USUAL_LINES = 10

export const SENDER = 'ward@client.test'

/** Where the two kinds go that have a next hop of their own. */
export const AWAY_DOMAIN = 'away.test'
export const SLOW_DOMAIN = 'slow.test'
const DOMAINS: Readonly<Partial<Record<Kind, string>>> = { away: AWAY_DOMAIN, slow: SLOW_DOMAIN }

export const messageId = (run: string, n: number, kind: Kind): string => `${run}-${n}-${kind}`

export const kindOf = (id: string): Kind => id.slice(id.lastIndexOf('-') + 1) as Kind

export const recipientOf = (id: string): string => `${kindOf(id)}-${id}@${DOMAINS[kindOf(id)] ?? 'next.test'}`

export function contentOf(id: string): string {
  const head = `${ID_FIELD}: ${id}\r\nFrom: ${SENDER}\r\nMessage-ID: <${id}@client.test>\r\nSubject: proof\r\n\r\n`
  return `${head}${id}\r\n${LINE.repeat(LINES[kindOf(id)] ?? USUAL_LINES)}`
}

/** The id in a message or in what a notice quotes of it; null where there is none. */
export const idIn = (content: Buffer): string | null => ID.exec(content.toString('latin1'))?.[1] ?? null

/** Whether it ends with exactly what was sent; in front of it stands what relays add. */
export function isWhole(content: Buffer, id: string): boolean {
  const sent = Buffer.from(contentOf(id), 'latin1')
  return content.subarray(Math.max(0, content.length - sent.length)).equals(sent)
}

/** One in sixteen is large enough for a file of its own, and some fail in each way. */
export function usualKind(n: number): Kind {
  if (n % 16 === 3) return 'large'
  if (n % 8 === 5) return 'late'
  return n % 16 === 9 ? 'refused' : 'good'
}

/** Likewise, with some of those that wait for long. */
export function waitingKind(n: number): Kind {
  if (n % 32 === 7) return 'old'
  if (n % 32 === 15) return 'away'
  return n % 32 === 23 ? 'slow' : usualKind(n)
}
