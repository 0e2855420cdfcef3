import type { MessagePort } from 'node:worker_threads'
import type { OutboxAck } from '../../../src/db/outbox.ts'
import type { Ledger } from '../../../src/ledger/contract.ts'
import { openLedger } from '../../../src/ledger/open.ts'
import type { LedgerOptions } from '../../../src/ledger/options.ts'
import { silentLog } from '../../../src/log.ts'
import { formatQueueId, idAt, type QueueId } from '../../../src/mail/queue-id.ts'
import { noMetrics } from '../../../src/metrics.ts'
import { type Scope, temporaryFolder } from '../../support/folder.ts'
import { START, TestClock } from '../spool/support.ts'

export const FIRST = { after: null, limit: 100 }

/** Something that happened, as a spool tells it. */
export interface Told {
  readonly at?: number
  /** Which message: counts from START, a minute each. */
  readonly message: number
  readonly event?: string
  readonly to?: readonly string[]
  readonly state?: string
  readonly facts?: Readonly<Record<string, unknown>>
}

const MINUTE = 60_000
export const numberOf = (message: number): number => idAt(START + message * MINUTE)
export const queueId = (message: number): QueueId => formatQueueId(numberOf(message))

/** A spool's journal, written by hand. */
export class Teller {
  readonly #port: MessagePort
  readonly #source: number
  #seq = 0
  acknowledged = 0

  constructor(ledger: Ledger, source = 1) {
    this.#port = ledger.connect()
    this.#source = source
    this.#port.on('message', (ack: OutboxAck) => {
      this.acknowledged = ack.acknowledged
    })
  }

  /** Tells what happened, under the next numbers. */
  tell(...list: readonly Told[]): void {
    this.#send(list.flatMap((told) => this.#entry(++this.#seq, told)))
  }

  /** Tells again what was told before, under its old numbers. */
  tellAgain(from: number, ...list: readonly Told[]): void {
    this.#send(list.flatMap((told, i) => this.#entry(from + i, told)))
  }

  close(): void {
    this.#port.close()
  }

  #entry(
    seq: number,
    { message, event = 'received', to = ['a@b.test'], state = 'pending', facts, at }: Told,
  ): unknown[] {
    const recipients = to.map((address, index) => ({ index, address, state }))
    const known =
      event === 'received'
        ? { client: 'royal', sender: 'ward@royal.test', messageId: `<${message}@royal.test>`, size: 100 }
        : {}
    return [
      seq,
      at ?? START + message * MINUTE,
      numberOf(message),
      event,
      JSON.stringify({ recipients, facts: { ...known, ...facts } }),
    ]
  }

  #send(entries: unknown[]): void {
    this.#port.postMessage({ source: this.#source, entries })
  }
}

export interface OpenedLedger {
  ledger: Ledger
  readonly clock: TestClock
  readonly path: string
  reopen(): Promise<Ledger>
}

/** A ledger in a folder of its own; closed when the test ends. */
export async function openTestLedger(scope: Scope, options: Partial<LedgerOptions> = {}): Promise<OpenedLedger> {
  const path = temporaryFolder(scope, 'ledger')
  const clock = new TestClock()
  const open = () => openLedger({ gatherMs: 1, ...options, path }, { log: silentLog, metrics: noMetrics, clock })
  const opened: OpenedLedger = {
    ledger: await open(),
    clock,
    path,
    async reopen() {
      await opened.ledger.close()
      opened.ledger = await open()
      return opened.ledger
    },
  }
  scope.after(() => opened.ledger.close())
  return opened
}

/** The messages found, by their numbers. */
export async function ids(ledger: Ledger, query: Parameters<Ledger['trace']>[0]): Promise<QueueId[]> {
  const { messages } = await ledger.trace(query, FIRST)
  return messages.map((message) => message.queueId)
}
