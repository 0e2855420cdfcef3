import { checkRelay, checkSender, checkSize, checkTls, type Peer, recipientLimit, sizeLimit } from '../accept/checks.ts'
import type { Client } from '../accept/clients.ts'
import type { Policy } from '../accept/policy.ts'
import { isOwnAddress } from '../accept/postmaster.ts'
import type { Refusal } from '../accept/replies.ts'
import type { Recorded, RecordedRecipient } from './recorded.ts'
import type { World } from './world.ts'

/** Whether a recipient's message would be taken, before any plugin is asked. */
export interface Admission {
  readonly refusal: Refusal | null
  readonly unknown: readonly string[]
}

export const clientOf = ({ policy }: Pick<World, 'policy'>, { address, tls }: Recorded): Client | null =>
  address === null ? null : policy.clients.find(address, tls?.fingerprint ?? null)

const peerOf = (policy: Policy, recorded: Recorded): Peer => ({
  policy,
  client: clientOf({ policy }, recorded),
  tls: recorded.tls !== null,
  source: '',
})

/** The relay's own checks, in their order, as far as the record and no network can answer them. */
export function admit(world: World, recorded: Recorded, index: number, recipient: RecordedRecipient): Admission {
  if (recorded.own) return { refusal: null, unknown: [] }
  const peer = peerOf(world.policy, recorded)
  const blind = peer.client === null ? world.blind : world.blind.filter(isForAll)
  const unknown = [
    ...unknownOf(peer, recorded),
    ...unknownOfSplit(peer, recorded, world),
    ...unknownOfAsked(world, recipient),
    ...blind,
  ]
  const size = checkedSize(peer, recorded)
  if (typeof size === 'string') unknown.push(size)
  const refusal =
    checkTls(peer) ??
    senderRefusal(peer, recorded) ??
    (typeof size === 'string' ? null : size) ??
    recipientRefusal(world, peer, recorded, index, recipient)
  return { refusal, unknown }
}

const isForAll = (blind: string): boolean => !blind.startsWith('limits.outside')

function unknownOf({ client, policy }: Peer, { sender, name, address }: Recorded): string[] {
  const reverse = client === null && policy.options.outside.reverseName === 'require' && name === null
  return [
    ...(address === null ? ['clients: the address that it came from is not on record'] : []),
    ...(sender === undefined && client?.senders ? ['senders: the sender is not on record'] : []),
    ...(reverse ? ['limits.outside.reverseDns: the DNS is not asked'] : []),
  ]
}

/** Recipients in other parts of the same message count too, and which those are is not on record. */
function unknownOfSplit(peer: Peer, recorded: Recorded, { before }: World): string[] {
  const isLower = recorded.split && recipientLimit(peer) < recipientLimit(peerOf(before, recorded))
  return isLower ? ['recipients: fewer may be given, and how many the whole message had is not on record'] : []
}

/** A domain's own server knew who was taken only where it was asked then. */
function unknownOfAsked({ policy, before }: World, { address: { domain } }: RecordedRecipient): string[] {
  const isAsked = ({ options }: Policy) => options.domains.get(domain)?.recipients === 'ask'
  return isAsked(policy) && !isAsked(before) ? ["recipients: ask: the domain's own server was not asked then"] : []
}

/** What is not decided by is left as a client that says nothing of it would. */
const COMMAND = { size: null, body: '7bit', smtputf8: false, requireTls: false, ret: null, envid: null } as const

const senderRefusal = (peer: Peer, { sender }: Recorded): Refusal | null =>
  sender === undefined ? null : checkSender(peer, { from: sender, ...COMMAND })

/** The size on record is that of what was stored: with a trace field, and with what plugins added. */
const ADDED = 4096

function checkedSize(peer: Peer, { size, inspection }: Recorded): Refusal | string | null {
  const limit = sizeLimit(peer)
  if (size === null || size <= limit) return null
  const isReplaced = inspection.some(({ replaced }) => replaced !== null)
  if (isReplaced || size - ADDED <= limit) return `size: too close to the limit of ${limit} bytes to tell`
  return checkSize(peer, size, null)
}

function recipientRefusal(
  { policy, recipients }: World,
  peer: Peer,
  { sender }: Recorded,
  index: number,
  { address }: RecordedRecipient,
): Refusal | null {
  const { options, replies } = policy
  if (index >= recipientLimit(peer)) return replies.tooManyRecipients
  const isNotice = peer.client === null && sender === null
  if (isNotice && index >= options.outside.nullSenderRecipients) return replies.nullSenderRecipients
  const refusal = checkRelay(peer, address)
  const domain = options.domains.get(address.domain)
  if (refusal !== null || domain === undefined || isOwnAddress(address, policy)) return refusal
  const known = recipients.check(address, sender ?? null, domain, options)
  return known === 'unknown' ? replies.unknownRecipient : null
}
