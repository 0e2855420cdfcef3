import type { Finding, Overdue, QueueLook } from './contract.ts'
import { counted, moment, span } from './words.ts'

/** Counting further would tell nobody more. */
export const MOST_COUNTED = 1000

interface Sort {
  readonly one: string
  readonly many: string
  readonly what: string
  readonly act: (queueId: string) => string
}

const SORTS: Readonly<Record<'pending' | 'leases' | 'holds' | 'expired' | 'notices', Sort>> = {
  pending: {
    one: 'recipient is',
    many: 'recipients are',
    what: 'due and not attempted',
    act: (id) => `look with: postern queue show ${id}; try now with: postern queue retry ${id}`,
  },
  leases: {
    one: 'attempt has',
    many: 'attempts have',
    what: 'not ended in time and not lapsed',
    act: (id) => `look with: postern queue show ${id}; a restart of the daemon frees them`,
  },
  holds: {
    one: 'hold is',
    many: 'holds are',
    what: 'past the deadline, and what should happen then has not',
    act: (id) => `look with: postern queue show ${id}; decide with: postern queue release or remove ${id}`,
  },
  expired: {
    one: 'recipient is',
    many: 'recipients are',
    what: 'older than mail is tried for, and was not returned',
    act: (id) => `look with: postern queue show ${id}`,
  },
  notices: {
    one: 'sender was',
    many: 'senders were',
    what: 'not told of a delay',
    act: (id) => `look with: postern queue show ${id}`,
  },
}

/** What is later than it may be, in words. `now` in milliseconds since 1970. */
export function overdueFindings(look: QueueLook, now: number): Finding[] {
  const sorts = (['pending', 'leases', 'holds', 'expired', 'notices'] as const).flatMap((sort) => {
    const found = look[sort]
    return found === null ? [] : [findingOf(sort, found, now)]
  })
  return [...sorts, ...journalFinding(look, now), ...damagedFinding(look)]
}

function findingOf(sort: keyof typeof SORTS, found: Overdue, now: number): Finding {
  const { one, many, what, act } = SORTS[sort]
  const { count, queueId, destination, since } = found
  const more = count >= MOST_COUNTED ? 'or more ' : ''
  const goes = destination === null ? '' : ` for ${destination}`
  return {
    key: `overdue ${sort}`,
    text: `${count} ${more}${count === 1 ? one : many} ${what}: ${queueId}${goes} since ${moment(since)}, ${span(now - since)} ago; ${act(queueId)}`,
    facts: { count, queueId, destination, since },
  }
}

function journalFinding({ journal }: QueueLook, now: number): Finding[] {
  if (journal === null) return []
  const { entries, since } = journal
  const text = `the ledger is behind: ${counted(entries, 'entry waits', 'entries wait')} in the spool since ${moment(since)}, ${span(now - since)} ago; mail goes on, but trace does not know it yet: src/ledger/README.md says what to do`
  return [{ key: 'overdue ledger', text, facts: { entries, since } }]
}

function damagedFinding({ damaged }: QueueLook): Finding[] {
  if (damaged === null) return []
  const { count, queueId } = damaged
  const text = `${counted(count, 'message', 'messages')} could not be understood and lie aside, such as ${queueId}; look with: postern status and postern trace ${queueId}`
  return [{ key: 'overdue damaged', text, facts: { count, queueId } }]
}
