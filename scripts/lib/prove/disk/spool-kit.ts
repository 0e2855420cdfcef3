import { cpSync, mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { MessagePort } from 'node:worker_threads'
import { silentLog } from '../../../../src/log.ts'
import { parseAddress } from '../../../../src/mail/address.ts'
import { memoryContent } from '../../../../src/mail/content.ts'
import { noMetrics } from '../../../../src/metrics.ts'
import type { NewMessage } from '../../../../src/spool/contract.ts'
import { type OpenSpool, openSpool } from '../../../../src/spool/open.ts'
import { repairSpool } from '../../../../src/spool/rescue/repair.ts'
import type { Random } from '../random.ts'

/** A spool full of messages, each of which says whose it is. */
export interface Filled {
  /** A copy as a crash would leave it: its last commits in the log. */
  readonly folder: string
  /** Content by queue id. */
  readonly messages: ReadonlyMap<
    string,
    { readonly address: string; readonly destination: string; readonly text: string }
  >
  /** Delivered. Where the commit that said so is what was altered, they go out once more, as after a crash. */
  readonly settled: ReadonlySet<string>
}

const AT = Date.UTC(2026, 10, 22, 12)
const IN_ROW = 2000
export const clock = { now: () => AT, after: () => () => {} }
const options = (path: string, walBytes: number) => ({
  path,
  contentInRowBytes: IN_ROW,
  reserveBytes: 0,
  ballastBytes: 4096,
  walBytes,
})

export const open = (path: string, walBytes = 16 * 1024 * 1024): Promise<OpenSpool> =>
  openSpool(options(path, walBytes), { log: silentLog, metrics: noMetrics, clock })

/** Fills a spool in `folder/work`, settling some on the way, and copies it to `folder/filled` while it is open. */
export async function fill(
  folder: string,
  count: number,
  random: Random,
  connect?: () => MessagePort,
): Promise<Filled> {
  const work = join(folder, 'work')
  mkdirSync(work, { recursive: true })
  const messages = new Map<string, { address: string; destination: string; text: string }>()
  const settled = new Set<string>()
  // A small log, so that some of it lies in the database and some in the log
  const spool = await open(work, 400_000)
  if (connect !== undefined) spool.connectJournal(connect())
  for (let i = 0; i < count + count / 4; i++) {
    const destination = `d${i % 7}.test`
    const address = `patient${i}@${destination}`
    const text = `message ${i}\r\n${String(i).repeat(random.below(2500))}\r\n`
    const { queueId } = await spool.put(messageTo(address, text), [
      { do: 'deliver', destination, dueAt: AT, leaseUntil: null },
    ])
    // One in five is delivered, so that there are free pages and room on others
    if (i % 5 !== 4) messages.set(queueId, { address, destination, text })
    else {
      settled.add(queueId)
      await spool.settle([
        { queueId, results: [{ index: 0, state: { is: 'relayed', reply: null } }], facts: {}, notifications: [] },
      ])
    }
  }
  const filled = join(folder, 'filled')
  copy(work, filled)
  await spool.close()
  return { folder: filled, messages, settled }
}

export function copy(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true })
  cpSync(from, to, { recursive: true, filter: (path) => !/(\.lock|-shm)$/.test(path) })
}

function messageTo(text: string, body: string): NewMessage {
  const [from, to] = [parseAddress('ward@client.test'), parseAddress(text)]
  if (from === null || to === null) throw new Error(text)
  return {
    envelope: {
      mailFrom: from,
      rcptTo: [{ address: to, notify: null, orcpt: null }],
      envid: null,
      ret: null,
      smtputf8: false,
      body: '7bit',
      requireTls: false,
    },
    prefix: Buffer.from(`Received: for ${text}\r\n`),
    content: memoryContent(Buffer.from(body)),
    receivedAt: AT,
    client: 'tests',
    messageId: null,
    facts: {},
  }
}

export interface Judged {
  /** `fine`: as if nothing was. `aside`: some messages were told to be damaged. `repaired`: only after a repair. */
  readonly how: 'fine' | 'aside' | 'repaired'
  /** Messages that would go out as they were stored. */
  readonly good: number
  readonly aside: number
  /** Neither sent nor told. */
  readonly lost: readonly string[]
  /** On pages that are gone: that something is lost is told, not which. */
  readonly gone: number
  /** Would go out otherwise than they were stored. */
  readonly wrong: readonly string[]
}

/** Starts on a spool that was damaged, repairs it if it says so, and looks at what would be sent. */
export async function judge(folder: string, filled: Pick<Filled, 'messages' | 'settled'>): Promise<Judged> {
  const first = await look(folder, filled).catch((error: unknown) => refusal(error))
  if (first !== null) return first
  const { cut } = repairSpool({ folder, now: AT, ledgerHas: () => null })
  const second = await look(folder, filled)
  if (second === null) throw new Error('still damaged after a repair')
  // The repair says that pages are gone; which messages lay there it cannot know
  return { ...second, how: 'repaired', lost: cut > 0 ? [] : second.lost, gone: cut > 0 ? second.lost.length : 0 }
}

/** Null where it says that it must be repaired; any other failure is one. */
function refusal(error: unknown): null {
  const { name, message } = error as Error
  const told = /postern spool (repair|check)/.test(message)
  if (told || (name === 'SpoolUnavailable' && /malformed|corrupt|not a database/.test(message))) return null
  throw error
}

async function look(
  folder: string,
  { messages, settled }: Pick<Filled, 'messages' | 'settled'>,
): Promise<Judged | null> {
  const spool = await open(folder)
  try {
    const wrong: string[] = []
    const sent = new Set<string>()
    for (;;) {
      const leases = await spool.lease({ limit: 50, perDestination: 50, leasedUntil: AT + 1e6, except: new Set() })
      if (leases.length === 0) break
      for (const { queueId, envelope, destination, content } of leases) {
        const chunks: Buffer[] = []
        try {
          for await (const chunk of content.stream()) chunks.push(chunk)
        } catch {
          continue
        }
        const [to] = envelope.rcptTo
        const address = `${to?.address.local}@${to?.address.domain}`
        const is = JSON.stringify([address, destination, Buffer.concat(chunks).toString()])
        const was = messages.get(queueId)
        const right = JSON.stringify([was?.address, was?.destination, `Received: for ${was?.address}\r\n${was?.text}`])
        if (is !== right && !settled.has(queueId)) wrong.push(`${queueId}: ${is.slice(0, 200)}`)
        sent.add(queueId)
      }
    }
    const held = await spool.list({ state: 'held' }, { after: null, limit: 10_000 })
    const told = new Set([
      ...(await spool.damaged()).map(({ queueId }) => queueId),
      ...held.entries.map((e) => e.queueId),
    ])
    const lost = [...messages.keys()].filter((id) => !sent.has(id) && !told.has(id))
    return { how: told.size > 0 ? 'aside' : 'fine', good: sent.size, aside: told.size, lost, gone: 0, wrong }
  } finally {
    await spool.close().catch(() => {})
  }
}
