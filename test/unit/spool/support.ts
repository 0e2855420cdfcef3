import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, systemClock } from '../../../src/clock.ts'
import { silentLog } from '../../../src/log.ts'
import { type Address, parseAddress } from '../../../src/mail/address.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import type { Recipient } from '../../../src/mail/envelope.ts'
import type { QueueId } from '../../../src/mail/queue-id.ts'
import { noMetrics } from '../../../src/metrics.ts'
import type { DeliveryPlan, Hold, NewMessage, Outcome, RecipientResult } from '../../../src/spool/contract.ts'
import { type OpenSpool, openSpool } from '../../../src/spool/open.ts'
import type { SpoolOptions } from '../../../src/spool/options.ts'
import { type Scope, temporaryFolder } from '../../support/folder.ts'

export const START = Date.UTC(2026, 10, 22, 12)

/** A clock that stands still until told; timers fire as it passes them. */
export class TestClock implements Clock {
  #now = START
  #timers: { at: number; fn: () => void }[] = []

  now(): number {
    return this.#now
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + ms, fn }
    this.#timers.push(timer)
    return () => {
      this.#timers = this.#timers.filter((each) => each !== timer)
    }
  }

  advance(ms: number): void {
    this.#now += ms
    const due = this.#timers.filter(({ at }) => at <= this.#now)
    this.#timers = this.#timers.filter(({ at }) => at > this.#now)
    for (const { fn } of due) fn()
  }
}

/** Who looks at memory after its loan sees this. */
const overwrite = (memory: Buffer) => void memory.fill(0xa5)

export const seams = { log: silentLog, metrics: noMetrics, clock: systemClock }

export interface Opened {
  readonly spool: OpenSpool
  readonly clock: TestClock
  readonly path: string
  /** Closes and opens again, as after an orderly stop. */
  reopen(): Promise<OpenSpool>
}

/** A spool in a folder of its own, on a clock that stands still; closed when the test ends. */
export async function openTestSpool(scope: Scope, options: Partial<SpoolOptions> = {}): Promise<Opened> {
  const path = options.path ?? temporaryFolder(scope, 'spool')
  const clock = new TestClock()
  const all: SpoolOptions = { reserveBytes: 0, ballastBytes: 0, freed: overwrite, ...options, path }
  const open = () => openSpool(all, { log: silentLog, metrics: noMetrics, clock })
  const opened = {
    spool: await open(),
    clock,
    path,
    async reopen() {
      await opened.spool.close()
      opened.spool = await open()
      return opened.spool
    },
  }
  scope.after(() => opened.spool.close())
  return opened
}

export function address(text: string): Address {
  const parsed = parseAddress(text, { utf8: true })
  if (parsed === null) throw new Error(`${text} is no address`)
  return parsed
}

export const recipient = (text: string): Recipient => ({ address: address(text), notify: null, orcpt: null })

/** A message of `size` bytes from royal.example.test to the given addresses. */
export function message(to: readonly string[], size = 100, more: Partial<NewMessage> = {}): NewMessage {
  return {
    envelope: {
      mailFrom: address('ward@royal.example.test'),
      rcptTo: to.map(recipient),
      envid: null,
      ret: null,
      smtputf8: false,
      body: '8bitmime',
      requireTls: false,
    },
    prefix: Buffer.from('Received: from a.test\r\n'),
    content: memoryContent(Buffer.alloc(size, 'x')),
    receivedAt: START,
    client: 'royal',
    messageId: '<1@royal.example.test>',
    facts: {},
    ...more,
  }
}

export const deliver = (destination: string, dueAt = START, leaseUntil: number | null = null): DeliveryPlan => ({
  do: 'deliver',
  destination,
  dueAt,
  leaseUntil,
})

export const outcome = (
  queueId: QueueId,
  states: Readonly<Record<number, RecipientResult['state']>>,
  notifications: Outcome['notifications'] = [],
): Outcome => ({
  queueId,
  results: Object.entries(states).map(([index, state]) => ({ index: Number(index), state })),
  facts: {},
  notifications,
})

export const RELAYED: RecipientResult['state'] = { is: 'relayed', reply: null }
export const FAILED: RecipientResult['state'] = { is: 'failed', reply: null }
export const later = (dueAt: number, attempted = true): RecipientResult['state'] => ({
  is: 'pending',
  dueAt,
  reply: null,
  attempted,
})

export const hold = (until: number, then: Hold['then'] = 'reject'): Hold => ({
  reason: 'looks odd',
  owner: 'plugin:virus',
  until,
  then,
})

export const want = (leasedUntil: number, more: object = {}) => ({
  limit: 100,
  perDestination: 100,
  leasedUntil,
  except: new Set<string>(),
  ...more,
})

/** Waits until something holds, for what no promise tells of. */
export async function eventually(holds: () => boolean | Promise<boolean>, withinMs = 10_000): Promise<void> {
  for (const end = Date.now() + withinMs; Date.now() < end; await delay(10)) if (await holds()) return
  throw new Error(`did not come true within ${withinMs} ms: ${holds}`)
}
