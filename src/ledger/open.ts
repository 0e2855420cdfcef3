import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import type { Clock } from '../clock.ts'
import { startThread, type ThreadClient } from '../db/client.ts'
import { every } from '../db/every.ts'
import type { Log } from '../log.ts'
import { formatQueueId, parseQueueId } from '../mail/queue-id.ts'
import type { Metrics } from '../metrics.ts'
import {
  type Ledger,
  type LedgerSummary,
  LedgerUnavailable,
  type TracedMessage,
  type TraceEntry,
  type TracePage,
  type TraceQuery,
} from './contract.ts'
import { type LedgerOptions, settings } from './options.ts'
import { parseReceived } from './thread/keys.ts'
import type { FoundMessage, LedgerData, LedgerOps, QueryRow } from './wire.ts'

export interface LedgerSeams {
  readonly log: Log
  readonly metrics: Metrics
  readonly clock: Clock
}

const TICK_MS = 1000
const MAX_PAGE = 1000

/**
 * Opens the ledger in its folder and starts its thread. Rejects with FolderInUse if another
 * process has it, DatabaseRefused if newer code wrote it.
 */
export async function openLedger(options: LedgerOptions, { log, metrics, clock }: LedgerSeams): Promise<Ledger> {
  const all = settings(options)
  await mkdir(all.path, { recursive: true, mode: 0o700 })
  const data: LedgerData = {
    settings: all,
    path: join(all.path, 'ledger.db'),
    lockPath: join(all.path, 'ledger.lock'),
  }
  const { client } = await startThread<LedgerOps, null>(
    { base: import.meta.url, name: './thread/ledger', data },
    {
      now: () => clock.now(),
      onBatch: ({ runMs, commitMs }) => metrics.observe('postern_ledger_query_seconds', (runMs + commitMs) / 1000),
      onDeath: (error) => log.error({ error }, 'the ledger is gone; what happens is kept in the spool until a restart'),
    },
  )
  return new SqliteLedger(client, clock)
}

class SqliteLedger implements Ledger {
  readonly #client: ThreadClient<LedgerOps>
  readonly #stopTicks: () => void

  constructor(client: ThreadClient<LedgerOps>, clock: Clock) {
    this.#client = client
    this.#stopTicks = every(clock, TICK_MS, () => client.call('tick', null))
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

  summary(): Promise<LedgerSummary> {
    return guard(this.#client.call('summary', null))
  }

  async close(): Promise<void> {
    this.#stopTicks()
    await this.#client.close()
  }
}

async function guard<T>(work: Promise<T>): Promise<T> {
  return work.catch((cause: unknown) => {
    throw new LedgerUnavailable(cause instanceof Error ? cause.message : String(cause), { cause })
  })
}

function queryRow({ queueId, messageId, sender, recipient, domain, client, from, to }: TraceQuery): QueryRow {
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
