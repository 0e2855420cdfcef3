/**
 * How one database thread hands a stream of committed entries to another over a port, so that
 * each arrives at least once: the sender keeps an entry until the receiver has committed it.
 */
export interface OutboxBatch {
  /** Which store the entries come from: their numbers count from 1 in each. */
  readonly source: number
  /** Seq, at, queue id, event, data (JSON text); again and again, in the order of seq. */
  readonly entries: readonly unknown[]
}

/** All up to `acknowledged` is on the receiver's stable storage. */
export interface OutboxAck {
  readonly acknowledged: number
}

/** Values per entry in `OutboxBatch.entries`. */
export const OUTBOX_STRIDE = 5
