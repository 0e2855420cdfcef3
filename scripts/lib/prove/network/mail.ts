import { createHash } from 'node:crypto'
import { eicar } from '../../scanners/samples.ts'
import type { Random } from '../random.ts'

/** A message that says itself what it must be like when it arrives. */
export interface ProofMail {
  readonly id: string
  /** Ready for DATA, without the end mark. No line begins with a dot. */
  readonly text: string
  readonly infected: boolean
}

const ID = /^X-Proof-Id: (\S+)\r$/m
const SUM = /^X-Proof-Sum: (\S+)\r$/m
const HEAD_BYTES = 8192
const LINE = `${'patient '.repeat(9).trim()}\r\n`
const SMALL = 3_000
/** Lies in a file of its own in the spool. Bytes. */
const LARGE = 200_000
/** More than the buffers of two sockets take: who stops reading makes the other wait. */
const HUGE = 6_000_000
const LARGE_SHARE = 0.04
const HUGE_SHARE = 0.003
const INFECTED_SHARE = 0.08

const sumOf = (body: Buffer | string): string => createHash('sha256').update(body).digest('hex')

export function makeMail(id: string, random: Random): ProofMail {
  const infected = random.chance(INFECTED_SHARE)
  const filler = LINE.repeat(1 + Math.floor(drawSize(random) / LINE.length))
  const body = infected ? `${filler}${eicar()}\r\n` : filler
  const head = [
    `X-Proof-Id: ${id}`,
    `X-Proof-Sum: ${sumOf(body)}`,
    'From: proof@client.test',
    `Message-ID: <${id}@client.test>`,
    'Date: Sun, 22 Nov 2026 12:00:00 +0000',
    'Subject: proof',
  ]
  return { id, text: `${head.join('\r\n')}\r\n\r\n${body}`, infected }
}

function drawSize(random: Random): number {
  if (random.chance(HUGE_SHARE)) return HUGE
  return random.chance(LARGE_SHARE) ? LARGE : random.below(SMALL)
}

/** The same text, without what it was a piece of: V8 keeps a string for as long as any long enough piece of it. */
export const alone = (text: string): string => Buffer.from(text, 'latin1').toString('latin1')

/** The id in a piece of a message that has the header, or null. */
export function idIn(bytes: Buffer): string | null {
  const id = ID.exec(bytes.toString('latin1', 0, HEAD_BYTES))?.[1]
  return id === undefined ? null : alone(id)
}

/** Whether the body is the one that was written. */
export function isWhole(content: Buffer): boolean {
  const sum = SUM.exec(content.toString('latin1', 0, HEAD_BYTES))?.[1]
  const at = content.indexOf('\r\n\r\n')
  return at >= 0 && sum === sumOf(content.subarray(at + 4))
}

export const holdsVirus = (content: Buffer): boolean => content.includes(eicar())
