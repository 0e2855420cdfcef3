import { formatQueueId, idTime } from '../../mail/queue-id.ts'
import { EntryHasher } from '../chain/hash.ts'
import type { ChainedRow, Snapshot } from './file.ts'
import type { Problems } from './report.ts'

// Enough to see that two neighbours were exchanged; more would only cost time where all is altered
const CANDIDATES = 8

interface Candidate {
  readonly hash: Buffer
  /** What it would mean that the next entry follows on this one. */
  readonly means: 'whole' | 'stored' | 'computed'
  readonly entry: number
}

/**
 * Follows the chain entry by entry. Where an entry does not fit, it judges by what the next one
 * follows on whether the entry was altered, or its hash was, or it was put in.
 */
export class Walk {
  readonly #problems: Problems
  readonly #sources: Snapshot['sources']
  readonly #hasher = new EntryHasher()
  readonly #seqs = new Map<number, number>()
  /** What the next entry may follow on; empty where nothing is known. The first is what it should be. */
  #candidates: Candidate[]
  #suspects: ChainedRow[] = []
  #last: number
  #hash: Buffer | null

  constructor(problems: Problems, sources: Snapshot['sources'], from: { entry: number; hash: Uint8Array }) {
    this.#problems = problems
    this.#sources = sources
    this.#last = from.entry
    this.#hash = Buffer.from(from.hash)
    this.#candidates = [{ hash: this.#hash, means: 'whole', entry: from.entry }]
  }

  /** The last entry that was seen, and its hash as stored; null where it cannot be known. */
  get last(): { readonly entry: number; readonly hash: Buffer | null } {
    return { entry: this.#last, hash: this.#hash }
  }

  /** Up to which of its numbers each source was seen. */
  get seqs(): ReadonlyMap<number, number> {
    return this.#seqs
  }

  /** The entries after the last one, up to `upTo`, are not there or cannot be read. `known`: the hash of the last of them, from a checkpoint. */
  skip(upTo: number, known: Uint8Array | null): void {
    this.#settle('stored')
    this.#last = upTo
    this.#seqs.clear()
    this.#hash = known === null ? null : Buffer.from(known)
    this.#candidates = this.#hash === null ? [] : [{ hash: this.#hash, means: 'whole', entry: upTo }]
  }

  /** The next entry. Its number must be the next one. */
  take(row: ChainedRow): void {
    const [id, , , , , , , hash] = row
    const found = this.#follows(row)
    if (found === undefined) this.#suspect(row)
    else {
      this.#settle(found.means, found.entry)
      this.#sequence(row)
      this.#candidates = [{ hash: hash as Buffer, means: 'whole', entry: id }]
    }
    this.#last = id
    this.#hash = hash
  }

  end(): void {
    this.#settle('stored')
  }

  /** The candidate that the entry's hash follows on; anything where nothing is known. */
  #follows(row: ChainedRow): Candidate | undefined {
    const hash = row[7]
    if (hash === null) return undefined
    if (this.#candidates.length === 0) return { hash, means: 'whole', entry: row[0] - 1 }
    return this.#candidates.find((candidate) => this.#compute(candidate.hash, row).equals(hash))
  }

  #compute(previous: Buffer, [, source, seq, at, queueId, event, data]: ChainedRow): Buffer {
    const number = this.#sources.get(source)?.number ?? -1
    return this.#hasher.hash(previous, { source: number, seq, at, queueId, event, data })
  }

  #suspect(row: ChainedRow): void {
    const [entry, , , , , , , hash] = row
    const expected = this.#candidates[0]
    this.#suspects.push(row)
    const stored: Candidate[] = hash === null ? [] : [{ hash, means: 'stored', entry }]
    const computed: Candidate[] =
      expected === undefined ? [] : [{ hash: this.#compute(expected.hash, row), means: 'computed', entry }]
    this.#candidates = [...stored, ...computed, ...this.#candidates].slice(0, CANDIDATES)
    // What is altered in a row is told as it comes: a file that is altered throughout must not fill the memory
    if (this.#suspects.length >= CANDIDATES) this.#settle('stored', entry)
  }

  #settle(means: Candidate['means'], follows = this.#last): void {
    for (const row of this.#suspects) this.#accuse(row, means, follows)
    if (this.#suspects.length > 0) this.#seqs.clear()
    this.#suspects = []
  }

  #accuse(row: ChainedRow, means: Candidate['means'], follows: number): void {
    const [entry, source, seq, at, queueId] = row
    const { what, text } = this.#judge(row, means, follows)
    const due = (this.#seqs.get(source) ?? Number.NaN) + 1
    const first = row === this.#suspects[0]
    const order =
      !first || Number.isNaN(due) || due === seq ? '' : `; its source's number is ${seq} where ${due} was due`
    this.#problems.add({ what, entry, queueId: nameOf(queueId), at, text: text + order })
  }

  #judge([entry]: ChainedRow, means: Candidate['means'], follows: number) {
    if (means === 'whole')
      return { what: 'inserted', text: `entry ${entry} was put in: the next one does not follow on it` } as const
    if (means === 'computed' && follows === entry) {
      return {
        what: 'altered',
        text: `the hash of entry ${entry} was altered; what it says is as it was written`,
      } as const
    }
    if (this.#suspects.length > 1 && follows !== this.#suspects.at(-1)?.[0]) {
      return { what: 'reordered', text: `entry ${entry} is not where it was written` } as const
    }
    return { what: 'altered', text: `entry ${entry} is not what was written there: its hash differs` } as const
  }

  /** A source counts its entries: what the chain holds in order must have no gap in these numbers. */
  #sequence([entry, source, seq, at, queueId]: ChainedRow): void {
    const before = this.#seqs.get(source)
    this.#seqs.set(source, seq)
    if (before === undefined || seq === before + 1) return
    const name = this.#sources.get(source)?.number ?? source
    const text =
      seq > before
        ? `before entry ${entry}, the numbers ${before + 1} to ${seq - 1} of source ${name} never arrived or were taken out`
        : `entry ${entry} has the number ${seq} of source ${name} after number ${before}`
    this.#problems.add({ what: seq > before ? 'gap' : 'reordered', entry, queueId: nameOf(queueId), at, text })
  }
}

/** A number that was altered may be no queue id at all. */
export function nameOf(queueId: number): string | null {
  const isOne = Number.isSafeInteger(queueId) && queueId > 0 && Number.isFinite(idTime(queueId))
  return isOne ? formatQueueId(queueId) : null
}
