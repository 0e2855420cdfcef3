import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Ledger, TraceQuery } from '../../../src/ledger/contract.ts'
import { formatQueueId } from '../../../src/mail/queue-id.ts'
import { eventually, START } from '../spool/support.ts'
import { FIRST, ids, openTestLedger, queueId, Teller } from './support.ts'

const MINUTE = 60_000

async function told(ledger: Ledger, entries: number): Promise<void> {
  await eventually(async () => (await ledger.summary()).entries >= entries)
}

/** Eight messages; the even ones from a lab to c.test. */
function tellEight(teller: Teller): void {
  for (let message = 1; message <= 8; message++) {
    const lab = message % 2 === 0
    const facts = lab ? { client: 'lab', sender: 'Analyser@Lab.test' } : {}
    teller.tell({ message, to: lab ? ['Nurse@c.test', 'b@d.test'] : ['a@b.test'], facts })
  }
}

const odd = [7, 5, 3, 1].map(queueId)
const even = [8, 6, 4, 2].map(queueId)
const cases: readonly [TraceQuery, readonly string[]][] = [
  [{}, [8, 7, 6, 5, 4, 3, 2, 1].map(queueId)],
  [{ queueId: queueId(3) }, [queueId(3)]],
  [{ queueId: formatQueueId(1) }, []],
  [{ messageId: '<5@royal.test>' }, [queueId(5)]],
  [{ messageId: '<5@ROYAL.test>' }, []],
  [{ sender: 'analyser@lab.TEST' }, even],
  [{ recipient: 'NURSE@c.test' }, even],
  [{ recipient: 'nurse@d.test' }, []],
  [{ domain: 'd.test' }, even],
  [{ domain: 'lab.test' }, even],
  [{ domain: 'royal.test' }, odd],
  [{ client: 'royal' }, odd],
  [{ client: 'royal', recipient: 'a@b.test', from: START + 3 * MINUTE, to: START + 7 * MINUTE }, [5, 3].map(queueId)],
  [{ from: START + 7 * MINUTE }, [8, 7].map(queueId)],
  [{ to: START + 2 * MINUTE }, [queueId(1)]],
  [{ client: 'lab', recipient: 'a@b.test' }, []],
  [{ sender: '<>' }, []],
]

for (const [title, segmentMessages] of [
  ['in memory', 1000],
  ['partly in segments', 3],
  ['each in a segment of its own', 1],
] as const) {
  test(`Messages are found by everything that is known of them, with their keys ${title}.`, async (t) => {
    const opened = await openTestLedger(t, { segmentMessages })
    const teller = new Teller(opened.ledger)
    tellEight(teller)
    await told(opened.ledger, 8)
    for (const [query, expected] of cases)
      assert.deepEqual(await ids(opened.ledger, query), expected, JSON.stringify(query))
    teller.close()
    const again = await opened.reopen()
    for (const [query, expected] of cases) assert.deepEqual(await ids(again, query), expected, JSON.stringify(query))
  })
}

test('Pages follow each other without gap or repetition, also while more comes in.', async (t) => {
  const { ledger } = await openTestLedger(t, { segmentMessages: 4 })
  const teller = new Teller(ledger)
  for (let message = 1; message <= 30; message++) teller.tell({ message })
  await told(ledger, 30)
  for (const query of [{ recipient: 'a@b.test' }, {}]) {
    const seen: string[] = []
    let more = 31
    for (let after: string | null = null; ; ) {
      const page = await ledger.trace(query, { after, limit: 7 })
      seen.push(...page.messages.map((message) => message.queueId))
      if (page.next === null) break
      after = page.next
      const before = (await ledger.summary()).entries
      teller.tell({ message: more++, to: ['other@x.test'] }, { message: more++, to: ['other@x.test'] })
      await told(ledger, before + 2)
    }
    const expected = Array.from({ length: 30 }, (_, i) => queueId(30 - i))
    assert.deepEqual(
      seen.filter((id) => id <= queueId(30)),
      expected,
    )
  }
  teller.close()
})

test('A trace shows what happened in order, each thing once, to whom it happened.', async (t) => {
  const { ledger } = await openTestLedger(t)
  const teller = new Teller(ledger)
  teller.tell({ message: 1, to: ['a@b.test', 'c@d.test'] })
  teller.tell({ message: 2 })
  teller.tell({
    message: 1,
    event: 'attempt',
    at: START + 90_000,
    to: ['a@b.test'],
    state: 'relayed',
    facts: { host: 'mx.b.test' },
  })
  await told(ledger, 3)
  const { messages } = await ledger.trace({ recipient: 'c@d.test' }, FIRST)
  assert.deepEqual(messages, [
    {
      queueId: queueId(1),
      receivedAt: START + MINUTE,
      client: 'royal',
      sender: 'ward@royal.test',
      messageId: '<1@royal.test>',
      size: 100,
      entries: [
        {
          at: START + MINUTE,
          event: 'received',
          recipients: [
            { index: 0, address: 'a@b.test', state: 'pending' },
            { index: 1, address: 'c@d.test', state: 'pending' },
          ],
          facts: { client: 'royal', sender: 'ward@royal.test', messageId: '<1@royal.test>', size: 100 },
        },
        {
          at: START + 90_000,
          event: 'attempt',
          recipients: [{ index: 0, address: 'a@b.test', state: 'relayed' }],
          facts: { host: 'mx.b.test' },
        },
      ],
    },
  ])
  teller.close()
})
