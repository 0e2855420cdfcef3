import { join } from 'node:path'
import { systemClock } from '../../../src/clock.ts'
import { silentLog } from '../../../src/log.ts'
import { memoryContent } from '../../../src/mail/content.ts'
import type { Recipient } from '../../../src/mail/envelope.ts'
import { noMetrics } from '../../../src/metrics.ts'
import type { NewMessage, Spool } from '../../../src/spool/contract.ts'
import { openSpool } from '../../../src/spool/open.ts'

export interface FillOptions {
  /** State folder of a daemon that does not run. */
  readonly folder: string
  readonly messages: number
  readonly destinations: number
}

/** Puts so many are on their way at once: one commit takes what has gathered. */
const AT_ONCE = 500
const CONTENT = memoryContent(
  Buffer.from(`Subject: waiting\r\n\r\n${`${'a patient waits '.repeat(4)}\r\n`.repeat(15)}`),
)

/** Fills the spool of a stopped daemon with messages of about 1 KiB that are due at once. */
export async function fill({ folder, messages, destinations }: FillOptions): Promise<void> {
  const spool = await openSpool(
    { path: join(folder, 'spool') },
    { log: silentLog, metrics: noMetrics, clock: systemClock },
  )
  let next = 0
  const work = async () => {
    for (let i = next++; i < messages; i = next++) await putOne(spool, i, `d${i % destinations}.test`)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  await spool.close()
}

async function putOne(spool: Spool, number: number, domain: string): Promise<void> {
  const recipient: Recipient = { address: { local: `patient${number}`, domain }, notify: null, orcpt: null }
  const now = systemClock.now()
  await spool.put(message(recipient, number, now), [
    { do: 'deliver', destination: domain, dueAt: now, leaseUntil: null },
  ])
}

const message = (recipient: Recipient, number: number, receivedAt: number): NewMessage => ({
  envelope: {
    mailFrom: { local: 'ward', domain: 'client.test' },
    rcptTo: [recipient],
    envid: null,
    ret: null,
    smtputf8: false,
    body: '7bit',
    requireTls: false,
  },
  prefix: Buffer.from('Received: from client.test by postern.test\r\n'),
  content: CONTENT,
  receivedAt,
  client: 'tests',
  messageId: `<${number}@client.test>`,
  facts: {},
})
