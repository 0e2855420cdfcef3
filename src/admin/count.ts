import type { QueueFilter, Spool } from '../spool/contract.ts'
import type { ApiCount } from './api.ts'

const PAGE = 1_000
// Enough to make somebody think again; counting a million would keep them waiting
const COUNT_AT_MOST = 20_000

/** How many messages and recipients a filter selects, counted page by page up to `atMost` messages. */
export async function countQueue(
  spool: Pick<Spool, 'list'>,
  filter: QueueFilter,
  atMost: number = COUNT_AT_MOST,
): Promise<ApiCount> {
  let messages = 0
  let recipients = 0
  let after: string | null = null
  do {
    const page: Awaited<ReturnType<Spool['list']>> = await spool.list(filter, { after, limit: PAGE })
    for (const entry of page.entries) {
      messages++
      recipients += entry.recipients.length
    }
    after = page.next
  } while (after !== null && messages < atMost)
  return { dryRun: true, messages, recipients, complete: after === null }
}
