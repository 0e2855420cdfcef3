import { type PublicKeys, type SignedPoint, standing } from '../chain/point.ts'
import type { ChainedRow, LedgerFile, Snapshot } from './file.ts'
import type { Problems } from './report.ts'
import type { Walk } from './walk.ts'

/** A checkpoint comes with the commit that makes 8192 entries since the last; one commit may hold a backlog of as many again. */
const MOST_BARE = 65_536

type Expected = { readonly entry: number; readonly hash: string }

/** Compares the chain with what holds it down: anchor, checkpoints, head, signatures, and points known from elsewhere. */
export class Points {
  readonly #problems: Problems
  readonly #keys: PublicKeys
  readonly #expected: Map<number, string>
  readonly #counts = { count: 0, signed: 0, good: 0 }
  #isAnchorGood = false
  /** Entries there were before the chain began: the same wherever it is counted from. */
  #start = 0
  #miscounted: number | null = null
  /** Up to where a signature holds; null before the first. */
  #heldTo: number | null = null

  constructor(problems: Problems, keys: PublicKeys, expected: readonly Expected[]) {
    this.#problems = problems
    this.#keys = keys
    this.#expected = new Map(expected.map(({ entry, hash }) => [entry, hash.toLowerCase()]))
  }

  get counts(): { readonly count: number; readonly signed: number; readonly good: number } {
    return { ...this.#counts }
  }

  /** What stands before the oldest entry. */
  anchor({ anchor, unchained, strays }: Snapshot): void {
    this.#start = anchor.entry - anchor.count
    if (anchor.count === 0 && strays > 0) {
      this.#problems.say('inserted', null, `${strays} entries were put in before the beginning of the chain`)
    }
    if (anchor.count !== 0 && unchained > 0) {
      this.#problems.say(
        'inserted',
        null,
        `${unchained} entries up to ${anchor.entry} are there, though they were dropped`,
      )
    }
  }

  /** Begins at a checkpoint: without the chain before it, its signature is all that speaks for it. */
  startAt(point: SignedPoint): void {
    this.#signature('checkpoint', point)
    this.#count(point)
    this.#expect(point.entry, Buffer.from(point.hash))
  }

  /** The checkpoints of a stretch, to be passed by its entries in order. */
  between(file: LedgerFile, after: number, upTo: number): { pass(row: ChainedRow): void } {
    const points = new Map(file.checkpoints(after, upTo).map((point) => [point.entry, point]))
    return {
      pass: ([id, , , , , , , hash]) => {
        const point = points.get(id)
        if (point !== undefined) this.#checkpoint(point, hash)
        if (this.#expected.size > 0) this.#expect(id, hash)
      },
    }
  }

  /** After the last entry. */
  end(snapshot: Snapshot, walk: Walk, fromAnchor: boolean): void {
    this.#head(snapshot, walk)
    this.#sources(snapshot, walk, fromAnchor)
    this.#unseen(snapshot)
    // After the checkpoints, which show whether there was a key. The beginning is not signed: nothing was dropped before it
    if (snapshot.anchor.count !== 0) this.#signature('anchor', snapshot.anchor)
    this.#number(snapshot.head)
    if (this.#miscounted !== null) {
      const text = `anchor, head and checkpoints do not agree on how many entries there were: see entry ${this.#miscounted}`
      this.#problems.say('chain', this.#miscounted, text)
    }
    this.#isSigned(snapshot)
  }

  #isSigned({ anchor, head }: Snapshot): void {
    const { count, good } = this.#counts
    // Where retention has taken everything, the anchor is all that is left
    const isEmpty = head.entry === anchor.entry && (head.count === 0 || this.#isAnchorGood)
    if (this.#keys.size === 0 || good > 0 || isEmpty) return
    const text = count === 0 ? 'there is no checkpoint, and so no signature' : 'no checkpoint has a good signature'
    this.#problems.say('signature', null, text)
  }

  #number({ entry, count }: SignedPoint): void {
    if (entry - count !== this.#start) this.#miscounted ??= entry
  }

  #checkpoint(point: SignedPoint, hash: Buffer | null): void {
    this.#count(point)
    this.#signature('checkpoint', point)
    if (hash?.equals(point.hash)) return
    this.#problems.say('chain', point.entry, `entry ${point.entry} does not have the hash that its checkpoint holds`)
  }

  #count(point: SignedPoint): void {
    this.#counts.count++
    if (point.signature !== null) this.#counts.signed++
    this.#number(point)
  }

  #signature(kind: 'checkpoint' | 'anchor', point: SignedPoint): void {
    if (this.#keys.size === 0) return
    const is = standing(kind, point, this.#keys)
    if (is === 'good' && kind === 'checkpoint') this.#good(point)
    if (is === 'good' && kind === 'anchor') this.#isAnchorGood = true
    // Before the first signature there may have been no key
    if (is === 'good' || (is === 'none' && this.#counts.good === 0)) return
    const name = kind === 'checkpoint' ? `the checkpoint at entry ${point.entry}` : 'the anchor of what was dropped'
    const text = {
      none: `${name} is not signed, though there is a key`,
      unknown: `${name} is signed with the key ${point.key}, which is not known here (--key names its file)`,
      bad: `the signature of ${name} is false`,
    }[is]
    this.#problems.say('signature', point.entry, text)
  }

  #good({ entry }: SignedPoint): void {
    this.#counts.good++
    const before = this.#heldTo
    this.#heldTo = entry
    if (before === null || entry - before <= MOST_BARE) return
    const text = `between the entries ${before} and ${entry} there is no checkpoint with a good signature: some were taken out`
    this.#problems.say('signature', entry, text)
  }

  #expect(entry: number, hash: Buffer | null): void {
    const expected = this.#expected.get(entry)
    if (expected === undefined) return
    this.#expected.delete(entry)
    if (hash?.toString('hex') === expected) return
    this.#problems.say('chain', entry, `entry ${entry} does not have the hash that is expected, ${expected}`)
  }

  #head({ head, lastEntry, lastCheckpoint }: Snapshot, walk: Walk): void {
    if (lastEntry > head.entry) {
      const text = `the entries after ${head.entry}, up to ${lastEntry}, were put in after the head of the chain`
      this.#problems.say('inserted', head.entry + 1, text)
    }
    if (lastCheckpoint > Math.max(lastEntry, head.entry)) {
      this.#problems.say(
        'truncated',
        lastEntry,
        `the ledger ends with entry ${lastEntry}, yet there is a checkpoint at entry ${lastCheckpoint}`,
      )
    }
    const { entry, hash } = walk.last
    if (entry < head.entry) {
      this.#problems.say(
        'truncated',
        entry + 1,
        `the entries ${entry + 1} to ${head.entry}, which the head of the chain names, are missing`,
      )
    } else if (hash !== null && !hash.equals(head.hash)) {
      this.#problems.say(
        'chain',
        entry,
        `the last entry, ${entry}, does not have the hash that the head of the chain holds`,
      )
    }
  }

  #sources({ sources }: Snapshot, walk: Walk, fromAnchor: boolean): void {
    for (const [id, seq] of walk.seqs) {
      const source = sources.get(id)
      if (source === undefined || source.seq === seq || !fromAnchor) continue
      const text = `the last entry of source ${source.number} has the number ${seq}, yet up to ${source.seq} were taken from it`
      this.#problems.say('truncated', null, text)
    }
  }

  /** Points that the ledger should hold and does not reach, or no longer does. */
  #unseen({ anchor, head }: Snapshot): void {
    for (const [entry, hash] of this.#expected) {
      if (entry < anchor.entry) continue
      if (entry === anchor.entry && Buffer.from(anchor.hash).toString('hex') === hash) continue
      const text =
        entry > head.entry
          ? `the ledger ends with entry ${head.entry}, yet entry ${entry} is expected`
          : `entry ${entry}, which is expected, was not found`
      this.#problems.say('truncated', entry, text)
    }
  }
}
