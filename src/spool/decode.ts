import type { Address } from '../mail/address.ts'
import { type Content, memoryContent, prefixedContent } from '../mail/content.ts'
import type { Envelope, NotifyCondition, Recipient } from '../mail/envelope.ts'
import { formatQueueId } from '../mail/queue-id.ts'
import type { Whole } from './content/file.ts'
import type { Hold, Lease } from './contract.ts'
import { FLAG, type LeaseRecipient, type LeaseRow, NOTIFY, type StoredHold } from './wire.ts'

type ReadFile = (file: string, whole: Whole) => Content

/** From rows back to the contract's values. The writer's thread has checked every address. */

export function toLease(
  row: LeaseRow,
  blob: Buffer,
  read: ReadFile,
  onDamage: (found: string) => void = () => {},
): Lease {
  const [id, destination, receivedAt, client, mailFrom, envid, flags, size, file, recipients, leasedUntil, sum] = row
  return {
    queueId: formatQueueId(id),
    destination,
    receivedAt,
    client,
    envelope: toEnvelope(mailFrom, envid, flags, recipients.map(toRecipient)),
    indexes: recipients.map(([n]) => n),
    attempts: recipients.map(([, , , , attempts]) => attempts),
    lastReplies: recipients.map(([, , , , , lastReply]) => lastReply),
    ...released(recipients.map(([, , , , , , triedUntil]) => triedUntil)),
    content: toContent(blob, file, { size, sum, onDamage }, read),
    leasedUntil,
  }
}

const released = (triedUntil: readonly (number | null)[]): Pick<Lease, 'triedUntil'> =>
  triedUntil.some((until) => until !== null) ? { triedUntil } : {}

export const toContent = (blob: Buffer, file: string | null, whole: Whole, read: ReadFile): Content =>
  file === null ? memoryContent(blob) : prefixedContent(blob, read(file, whole))

/** A row of the time before there was such a mark has none. */
export const isSensitive = (flags: number): { sensitive?: true } =>
  (flags & FLAG.sensitive) === 0 ? {} : { sensitive: true }

export const toEnvelope = (
  mailFrom: string | null,
  envid: string | null,
  flags: number,
  rcptTo: readonly Recipient[],
): Envelope => ({
  mailFrom: mailFrom === null ? null : toAddress(mailFrom),
  rcptTo,
  envid,
  ret: (flags & FLAG.retFull) !== 0 ? 'full' : (flags & FLAG.retHeaders) !== 0 ? 'hdrs' : null,
  smtputf8: (flags & FLAG.smtputf8) !== 0,
  body: (flags & FLAG.body8bit) !== 0 ? '8bitmime' : '7bit',
  requireTls: (flags & FLAG.requireTls) !== 0,
  ...isSensitive(flags),
})

const toRecipient = ([, address, orcpt, notify]: LeaseRecipient): Recipient => ({
  address: toAddress(address),
  notify: notify === null ? null : conditions(notify),
  orcpt,
})

const CONDITIONS = Object.keys(NOTIFY) as NotifyCondition[]
const conditions = (bits: number): NotifyCondition[] => CONDITIONS.filter((name) => (bits & NOTIFY[name]) !== 0)

function toAddress(text: string): Address {
  const at = text.lastIndexOf('@')
  return { local: text.slice(0, at), domain: text.slice(at + 1) }
}

/** Throws if the text is no hold. */
export function toHold(text: string, until: number): Hold {
  const { reason, owner, then, told } = JSON.parse(text) as StoredHold
  return { reason, owner, then, until, ...(told !== undefined && { told }) }
}

const ENDS: ReadonlySet<unknown> = new Set<StoredHold['then']>(['release', 'reject', 'discard'])

/** Whether `toHold` can be asked. An end that is none of ours counts as unreadable: nothing is released for it. */
export function isHold(text: string): boolean {
  try {
    const hold = JSON.parse(text) as Partial<StoredHold> | null
    return typeof hold?.reason === 'string' && typeof hold.owner === 'string' && ENDS.has(hold.then)
  } catch {
    return false
  }
}
