import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { Clamd } from '../../src/inspect/plugins/virus/clamd.ts'
import { parseScannerAddress } from '../../src/inspect/scanners/address.ts'
import { memoryContent } from '../../src/mail/content.ts'
import { startClamd } from '../support/clamd.ts'
import { need } from '../support/components.ts'
import { mail } from '../support/eml.ts'
import { eicar, forwarding, withAttachment, zip } from '../support/scanner-samples.ts'
import { defer } from '../support/scope.ts'

/** What of the clamscan package is used here; it has no types. */
interface ClamScan {
  init(options: object): Promise<ClamScan>
  getVersion(): Promise<string>
  scanStream(stream: Readable): Promise<{ isInfected: boolean | null; viruses: string[] }>
}

const NodeClam = createRequire(import.meta.url)('clamscan') as new () => ClamScan

test('the clamscan package says of every sample what our client says', async (t) => {
  if (!need(t, 'clamd')) return
  const { address } = await startClamd(t)
  const clamdscan = { socket: address, timeout: 10_000, bypassTest: true, localFallback: false }
  const theirs = await new NodeClam().init({ clamscan: { active: false }, clamdscan })
  const ours = new Clamd(
    parseScannerAddress('virus', 'clamd', address),
    { connectTimeoutMs: 2000, idleMs: 10_000 },
    systemClock,
  )
  defer(t, () => ours.close())
  const never = new AbortController().signal
  assert.equal((await theirs.getVersion()).trim(), await ours.check(never))
  const samples = [
    mail().bytes,
    withAttachment('a.bin', eicar()),
    withAttachment('a.zip', zip('a.com', eicar())),
    forwarding(withAttachment('a.com', eicar())),
    withAttachment('a.zip', zip('a.txt', Buffer.from('clean'))),
    Buffer.alloc(300_000, 'x\r\n'),
  ]
  for (const [index, bytes] of samples.entries()) {
    const result = await ours.scan({ content: memoryContent(bytes), isMail: true }, never)
    const { isInfected, viruses } = await theirs.scanStream(Readable.from([bytes]))
    assert.equal(isInfected, !result.clean, `sample ${index}`)
    if (!result.clean) assert.deepEqual(viruses, [result.virus])
  }
})
