import type { AnomalyKind } from './anomaly.ts'
import type { Decoder } from './decode.ts'

/** POSIX uuencode: `begin MODE NAME`, lines that say their length, `end`. The body of an x-uuencode part, or a block within a text. */
export class UuDecoder implements Decoder {
  readonly flaws = new Set<AnomalyKind>()
  #state: 'before' | 'within' | 'after' = 'before'
  #held = ''

  push(chunk: Uint8Array): Buffer {
    const lines = (this.#held + Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')).split(
      '\n',
    )
    this.#held = lines.pop() ?? ''
    return Buffer.concat(lines.map((line) => this.#line(line)))
  }

  end(): Buffer {
    const last = this.#line(this.#held)
    this.#held = ''
    if (this.#state !== 'after') this.flaws.add('invalid-uuencode')
    return last
  }

  #line(ended: string): Buffer {
    const line = ended.endsWith('\r') ? ended.slice(0, -1) : ended
    if (this.#state === 'before') {
      if (BEGIN.test(line)) this.#state = 'within'
      return NOTHING
    }
    if (this.#state === 'after' || line === '') return NOTHING
    if (line !== 'end') return this.#data(line)
    this.#state = 'after'
    return NOTHING
  }

  #data(line: string): Buffer {
    const length = valueAt(line, 0)
    const groups = Math.ceil(length / 3)
    // a space at the end of a line, which stands for 0, may have been lost on the way
    if (line.length - 1 > groups * 4 + 2) this.flaws.add('invalid-uuencode')
    const out = Buffer.allocUnsafe(groups * 3)
    for (let group = 0; group < groups; group++) {
      const at = 1 + group * 4
      const bits =
        (valueAt(line, at) << 18) | (valueAt(line, at + 1) << 12) | (valueAt(line, at + 2) << 6) | valueAt(line, at + 3)
      out[group * 3] = bits >> 16
      out[group * 3 + 1] = bits >> 8
      out[group * 3 + 2] = bits
    }
    return out.subarray(0, length)
  }
}

const NOTHING = Buffer.alloc(0)
const BEGIN = /^begin(?:-base64)? [0-7]{3,4} ./

const valueAt = (line: string, at: number): number => (at < line.length ? (line.charCodeAt(at) - 32) & 63 : 0)

/** A uuencoded file in the midst of a text, as old programs attach files. Offsets are bytes of that text. */
export interface UuBlock {
  readonly name: string
  readonly start: number
  readonly end: number
}

/** Finds them, the first `max`. A block that does not end takes the rest. */
export function findUuBlocks(text: Buffer, max = 100): readonly UuBlock[] {
  const found: UuBlock[] = []
  for (let at = nextBegin(text, 0); at >= 0 && found.length < max; ) {
    const name = nameAt(text, at)
    const end = name === null ? at + 6 : blockEnd(text, at)
    if (name !== null) found.push({ name, start: at, end })
    at = nextBegin(text, end)
  }
  return found
}

function nextBegin(text: Buffer, from: number): number {
  if (from === 0 && text.indexOf('begin ', 0, 'latin1') === 0) return 0
  const at = text.indexOf('\nbegin ', Math.max(0, from - 1), 'latin1')
  return at < 0 ? -1 : at + 1
}

/** A file name is at most so long. */
const MAX_NAME = 1000

function nameAt(text: Buffer, at: number): string | null {
  const newline = text.indexOf(10, at)
  const line = text.toString('latin1', at, Math.min(newline < 0 ? text.length : newline, at + MAX_NAME + 12))
  return /^begin [0-7]{3,4} ([^\r\n]+)/.exec(line)?.[1]?.trim() ?? null
}

function blockEnd(text: Buffer, from: number): number {
  for (let at = text.indexOf('\nend', from, 'latin1'); at >= 0; at = text.indexOf('\nend', at + 1, 'latin1')) {
    const after = text[at + 4]
    if (after === undefined || after === 10 || after === 13) return at + 4
  }
  return text.length
}
