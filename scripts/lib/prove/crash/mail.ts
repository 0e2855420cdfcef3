/** The messages of the proof: each has an id, from which its content follows to the byte, and so what arrives can be judged. */

/** What the next hop does with it: takes it, takes it at the second attempt, refuses it for good, or has no room for it yet. */
export type Kind = 'good' | 'large' | 'late' | 'refused' | 'stuck'

const ID_FIELD = 'X-Proof-Id'
const ID = /^X-Proof-Id: ([\w-]+)\r?$/m
const LINE = `${'patient '.repeat(9).trim()}\r\n`
const LINES: Readonly<Record<Kind, number>> = { good: 25, large: 2200, late: 10, refused: 10, stuck: 10 }

export const SENDER = 'ward@client.test'

export const messageId = (run: string, n: number, kind: Kind): string => `${run}-${n}-${kind}`

export const kindOf = (id: string): Kind => id.slice(id.lastIndexOf('-') + 1) as Kind

export const recipientOf = (id: string): string => `${kindOf(id)}-${id}@next.test`

export function contentOf(id: string): string {
  const head = `${ID_FIELD}: ${id}\r\nFrom: ${SENDER}\r\nMessage-ID: <${id}@client.test>\r\nSubject: proof\r\n\r\n`
  return `${head}${id}\r\n${LINE.repeat(LINES[kindOf(id)])}`
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
