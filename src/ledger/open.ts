import { join } from 'node:path'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { type Alarms, noAlarms } from '../alarms.ts'
import type { Clock } from '../clock.ts'
import { startThread, type ThreadClient } from '../db/client.ts'
import { every } from '../db/every.ts'
import { makeFolder } from '../db/folder.ts'
import type { Log } from '../log.ts'
import { formatQueueId, parseQueueId, type QueueId } from '../mail/queue-id.ts'
import type { Metrics } from '../metrics.ts'
import {
  type HappeningPage,
  type HappeningQuery,
  type Ledger,
  type LedgerPlace,
  type LedgerSummary,
  LedgerUnavailable,
  type TracedMessage,
  type TraceEntry,
  type TracePage,
  type TraceQuery,
} from './contract.ts'
import { type LedgerOptions, settings } from './options.ts'
import { Teller } from './tell.ts'
import { parseReceived } from './thread/keys.ts'
import type { FoundMessage, LedgerData, LedgerOps, LedgerReady, QueryRow } from './wire.ts'

export interface LedgerSeams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
  readonly alarms?: Alarms
}

const TICK_MS = 1000
const MAX_PAGE = 1000

/**
 * Opens the ledger in its folder and starts its thread. Rejects with FolderInUse if another
 * process has it, DatabaseRefused if newer code wrote it.
 */
export async function openLedger(options: LedgerOptions, seams: LedgerSeams): Promise<Ledger> {
  const { log, metrics, clock } = seams
  const all = settings(options)
  await makeFolder(all.path, 0o700)
  const data: LedgerData = {
    settings: all,
    now: clock.now(),
    path: join(all.path, 'ledger.db'),
    lockPath: join(all.path, 'ledger.lock'),
  }
  const teller = new Teller(log, seams.alarms ?? noAlarms)
  const { client, ready } = await startThread<LedgerOps, LedgerReady>(
    { base: import.meta.url, name: './thread/ledger', data },
    {
      now: () => clock.now(),
      onBatch: ({ runMs, commitMs }) => metrics.observe('postern_ledger_query_seconds', (runMs + commitMs) / 1000),
      onDeath: (error) => teller.trouble(`its thread ended: ${error.message}`),
    },
  )
  teller.opened(ready)
  return new SqliteLedger(client, clock, teller)
}

class SqliteLedger implements Ledger {
  readonly #client: ThreadClient<LedgerOps>
  readonly #teller: Teller
  readonly #stopTicks: () => void
  #closed = false

  constructor(client: ThreadClient<LedgerOps>, clock: Clock, teller: Teller) {
    this.#client = client
    this.#teller = teller
    this.#stopTicks = every(clock, TICK_MS, () => this.#ask('tick'))
  }

  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel()
    this.#client.control({ port: port2 }, [port2])
    return port1
  }

  async trace(query: TraceQuery, { after, limit }: { after: string | null; limit: number }): Promise<TracePage> {
    const args = { query: queryRow(query), after, limit: Math.max(1, Math.min(limit, MAX_PAGE)) }
    const { messages, next } = await guard(this.#client.call('trace', args))
    return { messages: messages.map(toMessage), next }
  }

  async happenings(
    { what, from, to, message = {} }: HappeningQuery,
    { after, limit }: { after: string | null; limit: number },
  ): Promise<HappeningPage> {
    const query = { what, from, to, message: queryRow(message) }
    const { rows, next } = await guard(
      this.#client.call('happenings', { query, after, limit: Math.max(1, Math.min(limit, MAX_PAGE)) }),
    )
    return { happenings: rows.map(({ id, ...row }) => ({ queueId: formatQueueId(id), ...row })), next }
  }

  place(queueId: QueueId): Promise<LedgerPlace> {
    return guard(this.#client.call('place', { id: parseQueueId(queueId) ?? -1 }))
  }

  summary(): Promise<LedgerSummary> {
    return guard(this.#client.call('summary', null))
  }

  async close(): Promise<void> {
    this.#stopTicks()
    if (this.#closed) return
    this.#closed = true
    await this.#ask('seal')
    await this.#client.close()
  }

  /** Never rejects. */
  async #ask(op: 'tick' | 'seal'): Promise<void> {
    try {
      this.#teller.tell(await this.#client.call(op, null))
    } catch (error) {
      this.#teller.trouble(error instanceof Error ? error.message : String(error))
    }
  }
}

async function guard<T>(work: Promise<T>): Promise<T> {
  return work.catch((cause: unknown) => {
    throw new LedgerUnavailable(cause instanceof Error ? cause.message : String(cause), { cause })
  })
}

function queryRow({ queueId, messageId, sender, recipient, domain, client, from, to, state }: TraceQuery): QueryRow {
  return {
    // An id that is none matches nothing
    id: queueId === undefined ? null : (parseQueueId(queueId) ?? -1),
    messageId: messageId ?? null,
    sender: sender ?? null,
    recipient: recipient ?? null,
    domain: domain ?? null,
    client: client ?? null,
    from: from ?? null,
    to: to ?? null,
    state: state ?? null,
  }
}

function toMessage({ id, entries }: FoundMessage): TracedMessage {
  const received = entries.find(([, event]) => event === 'received')
  const { client, sender, messageId, size } = parseReceived(received?.[2] ?? '{}')
  return {
    queueId: formatQueueId(id),
    receivedAt: received?.[0] ?? null,
    client,
    sender,
    messageId,
    size,
    entries: entries.map(([at, event, data]) => ({ at, event, ...toData(data) })),
  }
}

/** As the spool wrote it; what cannot be read is shown as empty rather than hiding the rest of the trace. */
function toData(text: string): Pick<TraceEntry, 'recipients' | 'facts'> {
  try {
    const { recipients, facts } = JSON.parse(text) as Partial<TraceEntry>
    if (Array.isArray(recipients) && typeof facts === 'object') return { recipients, facts }
  } catch {
    // Shown as below
  }
  return { recipients: [], facts: { unreadable: text.slice(0, 200) } }
}
