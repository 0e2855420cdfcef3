import type { AnomalyKind } from './anomaly.ts'

interface Node {
  readonly next: Map<number, Node>
  /** How many boundaries pass through. */
  count: number
  /** Levels of the multiparts whose boundary ends here, outermost first. */
  readonly levels: number[]
}

/** What a line that begins with `--` is. Null: nothing to us. */
export type Delimiter = { readonly level: number; readonly closes: boolean } | 'lookalike' | null

const DASH = 45

const newNode = (): Node => ({ next: new Map(), count: 0, levels: [] })

/**
 * The boundaries that are awaited, as a tree of their bytes: a line is compared with all of them in
 * one walk, so that no nesting and no choice of boundaries makes it slow.
 */
export class Boundaries {
  readonly #root = newNode()
  readonly #stack: { readonly level: number; readonly path: readonly Node[]; readonly bytes: Buffer }[] = []

  get empty(): boolean {
    return this.#stack.length === 0
  }

  /** Awaits a boundary for the multipart at that level, until `drop`. Says how it clashes with others. */
  add(boundary: Buffer, level: number): AnomalyKind | null {
    const path = [this.#root]
    let clash: AnomalyKind | null = null
    let node = this.#root
    for (const byte of boundary) {
      if (node !== this.#root && node.levels.length > 0) clash = 'boundary-prefix'
      const next = node.next.get(byte) ?? newNode()
      node.next.set(byte, next)
      next.count++
      path.push(next)
      node = next
    }
    if (node.next.size > 0) clash = 'boundary-prefix'
    if (node.levels.length > 0) clash = 'boundary-repeated'
    node.levels.push(level)
    this.#stack.push({ level, path, bytes: boundary })
    return clash
  }

  /** Awaits none of that level and deeper ones any more. */
  drop(level: number): void {
    for (let last = this.#stack.at(-1); last !== undefined && last.level >= level; last = this.#stack.at(-1)) {
      this.#stack.pop()
      last.path.at(-1)?.levels.pop()
      for (const [i, byte] of last.bytes.entries()) {
        const child = last.path[i + 1]
        if (child !== undefined && --child.count === 0) last.path[i]?.next.delete(byte)
      }
    }
  }

  /** `line` from `start` (after the two dashes) to `end` (white space at its end left out). `closed` says which levels have been. */
  match(line: Buffer, start: number, end: number, closed: (level: number) => boolean): Delimiter {
    let found: Delimiter = null
    let node: Node | undefined = this.#root
    for (let at = start; at < end; at++) {
      node = node.next.get(line[at] ?? 0)
      if (node === undefined) break
      if (node.levels.length === 0) continue
      const kind = ending(line, at + 1, end)
      // the longest that fits: one boundary may be another with `--` after it
      if (kind !== 'other') found = { level: awaited(node.levels, closed), closes: kind === 'closes' }
      else found ??= 'lookalike'
    }
    return found
  }
}

function ending(line: Buffer, at: number, end: number): 'opens' | 'closes' | 'other' {
  if (at === end) return 'opens'
  const closes = end - at >= 2 && line[at] === DASH && line[at + 1] === DASH
  return closes && end - at === 2 ? 'closes' : 'other'
}

/** The innermost that is still open, or else the innermost. */
const awaited = (levels: readonly number[], closed: (level: number) => boolean): number =>
  levels.findLast((level) => !closed(level)) ?? levels.at(-1) ?? 0
