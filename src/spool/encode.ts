import { type Address, formatAddress } from '../mail/address.ts'
import type { Envelope, NotifyCondition, Recipient, ReversePath } from '../mail/envelope.ts'
import { formatQueueId, parseQueueId, type QueueId } from '../mail/queue-id.ts'
import { type Reply, replyText } from '../mail/reply.ts'
import type { Chance, DeliveryPlan, Hold, NewMessage, Outcome, QueueFilter, RecipientResult, Seen } from './contract.ts'
import { entryData } from './thread/journal.ts'
import {
  type ChanceRow,
  type FilterRow,
  FLAG,
  HELD,
  LEASED,
  NOTIFY,
  PENDING,
  type PutRecipient,
  type PutRow,
  type ResultRow,
  type SeenRow,
  type SettleRow,
  type StoredHold,
} from './wire.ts'

/** From the contract's values to rows. */

/** A content file, and the checksum of what is in it. */
export interface StoredFile {
  readonly name: string
  readonly sum: number
}

export function putRow(
  id: number,
  message: NewMessage,
  plans: readonly DeliveryPlan[],
  file: StoredFile | null,
): PutRow {
  const { envelope, receivedAt, client, content, messageId } = message
  return [
    id,
    receivedAt,
    client,
    pathText(envelope.mailFrom),
    envelope.envid,
    flags(envelope) | (file === null ? 0 : FLAG.inFile),
    content.size,
    messageId,
    file?.name ?? null,
    putRecipients(envelope, plans),
    receivedData(message, plans),
    discardedData(envelope, plans),
    file?.sum ?? null,
  ]
}

const pathText = (path: ReversePath): string | null => (path === null ? null : formatAddress(path))

const flags = ({ ret, smtputf8, body, requireTls, sensitive }: Envelope): number =>
  (ret === 'full' ? FLAG.retFull : 0) |
  (ret === 'hdrs' ? FLAG.retHeaders : 0) |
  (smtputf8 ? FLAG.smtputf8 : 0) |
  (body === '8bitmime' ? FLAG.body8bit : 0) |
  (requireTls ? FLAG.requireTls : 0) |
  (sensitive ? FLAG.sensitive : 0)

function putRecipients({ rcptTo }: Envelope, plans: readonly DeliveryPlan[]): PutRecipient[] {
  const rows: PutRecipient[] = []
  plans.forEach((plan, n) => {
    const recipient = rcptTo[n]
    if (recipient !== undefined && plan.do !== 'discard') rows.push(putRecipient(n, recipient, plan))
  })
  return rows
}

function putRecipient(n: number, to: Recipient, plan: Exclude<DeliveryPlan, { do: 'discard' }>): PutRecipient {
  const address = formatAddress(to.address)
  const notify = notifyBits(to.notify)
  if (plan.do === 'hold') {
    const { hold, destination } = plan
    return [n, address, to.orcpt, notify, destination, HELD, 0, 0, holdText(hold), hold.until]
  }
  const { destination, dueAt, leaseUntil } = plan
  const state = leaseUntil === null ? PENDING : LEASED
  return [n, address, to.orcpt, notify, destination, state, dueAt, leaseUntil ?? 0, null, null]
}

const notifyBits = (notify: readonly NotifyCondition[] | null): number | null =>
  notify === null ? null : notify.reduce((bits, condition) => bits | NOTIFY[condition], 0)

/** The deadline has a column of its own. */
export const holdText = ({ reason, owner, then, told }: Hold): string =>
  JSON.stringify({ reason, owner, then, ...(told !== undefined && { told }) } satisfies StoredHold)

function receivedData(
  { envelope, facts, client, messageId, content, prefix }: NewMessage,
  plans: readonly DeliveryPlan[],
): string {
  const recipients = envelope.rcptTo.map((to, index) => planned(to.address, index, plans[index]))
  const sender = pathText(envelope.mailFrom) ?? '<>'
  const size = prefix.length + content.size
  return entryData(recipients, JSON.stringify({ ...facts, client, sender, messageId, size }))
}

function planned(address: Address, index: number, plan: DeliveryPlan | undefined) {
  const entry = { index, address: formatAddress(address) }
  if (plan?.do === 'hold') return { ...entry, state: 'held', reply: plan.hold.reason }
  return { ...entry, state: plan?.do === 'discard' ? 'discarded' : 'pending' }
}

function discardedData({ rcptTo }: Envelope, plans: readonly DeliveryPlan[]): string | null {
  const discarded = plans.flatMap((plan, index) => {
    const to = rcptTo[index]
    if (plan.do !== 'discard' || to === undefined) return []
    return [{ index, address: formatAddress(to.address), state: 'discarded', reply: plan.reason }]
  })
  return discarded.length === 0 ? null : entryData(discarded, '{}')
}

export function settleRow(outcome: Outcome, notifications: readonly PutRow[]): SettleRow {
  const { queueId, results, seen } = outcome
  const row = [
    idOf(queueId),
    results.map(resultRow),
    JSON.stringify(settledFacts(outcome, notifications)),
    notifications,
  ] as const
  return seen === undefined ? row : [...row, seenRow(seen)]
}

const seenRow = ({ hold, chance }: Seen): SeenRow => [
  hold === null ? null : holdText(hold),
  hold?.until ?? null,
  chanceRow(chance),
]

export const chanceRow = (chance: Chance | undefined): ChanceRow | null =>
  chance === undefined ? null : [chance.lifetimeMs, chance.atLeastMs]

/** With the notices that go into the same commit; of a failure always, so that none is told from not known. */
function settledFacts({ facts, results }: Outcome, notifications: readonly PutRow[]): Outcome['facts'] {
  if (notifications.length === 0 && !results.some(({ state }) => state.is === 'failed')) return facts
  return { ...facts, notices: notifications.map(([id]) => formatQueueId(id)) }
}

function resultRow({ index, state }: RecipientResult): ResultRow {
  if (state.is === 'noticed') return [index, 'noticed', null, 0, false, null, null]
  if (state.is === 'held') return [index, 'held', null, 0, false, holdText(state.hold), state.hold.until]
  const reply = text(state.reply)
  if (state.is === 'pending') return [index, 'pending', reply, state.dueAt, state.attempted, null, null]
  return [index, state.is, reply, 0, true, null, null]
}

const text = (reply: Reply | null): string | null => (reply === null ? null : replyText(reply))

/** The number of a queue id; 0, which no message has, for a text that is none. */
export const idOf = (queueId: QueueId): number => parseQueueId(queueId) ?? 0

const STATES = { pending: PENDING, leased: LEASED, held: HELD } as const

export function filterRow(filter: QueueFilter): FilterRow {
  const { queueIds, state, domain, destination, client, sender, recipient, before, after } = filter
  return {
    ids: queueIds === undefined ? null : queueIds.map(idOf),
    state: state === undefined ? null : STATES[state],
    domain: domain?.toLowerCase() ?? null,
    destination: destination ?? null,
    client: client ?? null,
    sender: sender ?? null,
    recipient: recipient ?? null,
    before: before ?? null,
    after: after ?? null,
  }
}
