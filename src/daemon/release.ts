import type { Chain } from '../inspect/chain.ts'
import type { Outcome } from '../inspect/outcome.ts'
import type { Log } from '../log.ts'
import { parseAddress } from '../mail/address.ts'
import type { Content } from '../mail/content.ts'
import type { Envelope, Recipient } from '../mail/envelope.ts'
import type { Chance, Hold, QueueEntry, QueueFilter, Spool } from '../spool/contract.ts'
import { isToBeScanned } from './held-check.ts'

export interface ReleasePorts {
  readonly spool: Pick<Spool, 'list' | 'content' | 'act'>
  /** As it is now. */
  readonly chain: () => Pick<Chain, 'rescans' | 'rescan'>
  /** What is released gets this, as it is now. */
  readonly chance: () => Chance
  readonly log: Log
}

interface Done {
  readonly changed: number
  readonly busy: number
}

const PAGE = 100
/** Messages that are scanned side by side: scanners serve fresh mail at the same time. */
const AT_ONCE = 4

/**
 * Releases what the filter selects. What a plugin had held is shown again to those that want to see it
 * (viruses become known while mail waits), and stays held if one of them says so: its recipients count as `busy`.
 */
export async function release(ports: ReleasePorts, filter: QueueFilter, by: string): Promise<Done> {
  const { spool, chain } = ports
  const nothingHeld = filter.state !== undefined && filter.state !== 'held'
  if (!chain().rescans || nothingHeld) return spool.act({ do: 'release', chance: ports.chance() }, filter, by)
  const total = { changed: 0, busy: 0 }
  for (let after: string | null = null, more = true; more; ) {
    const page = await spool.list({ ...filter, state: 'held' }, { after, limit: PAGE })
    const done = await releasePage(ports, page.entries, filter, by)
    total.changed += done.changed
    total.busy += done.busy
    after = page.next
    more = after !== null
  }
  return total
}

async function releasePage(ports: ReleasePorts, entries: readonly QueueEntry[], filter: QueueFilter, by: string) {
  const may: QueueEntry[] = []
  let refused = 0
  await sideBySide(entries, AT_ONCE, async (entry) => {
    const against = await judge(ports, entry)
    if (against === null) {
      may.push(entry)
      return
    }
    await keep(ports, entry, against, filter)
    refused += entry.recipients.length
  })
  if (may.length === 0) return { changed: 0, busy: refused }
  const queueIds = may.map(({ queueId }) => queueId)
  const { changed, busy } = await ports.spool.act(
    { do: 'release', chance: ports.chance() },
    { ...filter, queueIds },
    by,
  )
  return { changed, busy: busy + refused }
}

async function sideBySide<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  const worker = async () => {
    for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}

/** What speaks against the release, or null. */
async function judge({ spool, chain }: ReleasePorts, entry: QueueEntry): Promise<Outcome | null> {
  if (!entry.recipients.some(isToBeJudged)) return null
  const content = await spool.content(entry.queueId)
  // gone meanwhile, so that there is nothing to release either
  if (content === null) return null
  const outcome = await chain().rescan(heldMessage(entry, content))
  const { action } = outcome.verdict
  return action === 'continue' || action === 'tag' ? null : outcome
}

/** One whose hold cannot be read, too. */
const isToBeJudged = ({ state, hold }: QueueEntry['recipients'][number]): boolean =>
  state === 'held' && (hold === null || isToBeScanned(hold))

const holdOf = ({ recipients }: QueueEntry): Hold | null =>
  recipients.find(({ hold }) => hold !== null && isToBeScanned(hold))?.hold ?? null

function heldMessage({ queueId, client, sender, recipients }: QueueEntry, content: Content) {
  const envelope: Envelope = {
    mailFrom: addressOf(sender),
    rcptTo: recipients.flatMap(({ address }) => recipientOf(address)),
    envid: null,
    ret: null,
    smtputf8: false,
    body: '8bitmime',
    requireTls: false,
  }
  return { id: queueId, client: client === '*' ? null : client, envelope, content }
}

const addressOf = (text: string) => parseAddress(text, { utf8: true })

function recipientOf(text: string): Recipient[] {
  const address = addressOf(text)
  return address === null ? [] : [{ address, notify: null, orcpt: null }]
}

/** Leaves it held, now for what was found. */
async function keep(
  { spool, log }: ReleasePorts,
  entry: QueueEntry,
  { verdict, plugin }: Outcome,
  filter: QueueFilter,
): Promise<void> {
  const { queueId } = entry
  const before = holdOf(entry)
  if (before === null || verdict.action === 'continue') return
  const owner = `plugin:${plugin ?? ''}`
  const reason = `not released: ${verdict.reason}`
  log.warn({ queueId, plugin, verdict: verdict.action, why: verdict.reason }, 'a held message was not released')
  // biome-ignore lint/suspicious/noThenProperty: the contract's word for what happens at the deadline; never awaited by itself
  const hold: Hold = { reason, owner, until: before.until, then: afterwards(before, verdict.action) }
  await spool.act({ do: 'hold', hold }, { ...filter, state: 'held', queueIds: [queueId] }, owner)
}

/** What is known to be bad must not go out by itself at its deadline. */
const afterwards = ({ then }: Hold, action: string): Hold['then'] =>
  then === 'release' && action !== 'defer' ? 'reject' : then
