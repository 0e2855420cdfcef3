import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import test, { after } from 'node:test'
import { systemClock } from '../../src/clock.ts'
import { formatField } from '../../src/inspect/fields.ts'
import type { ArcFact } from '../../src/inspect/plugins/authentication/verify-job.ts'
import { WorkerPool } from '../../src/inspect/pool/pool.ts'
import { silentLog } from '../../src/log.ts'
import { memoryContent } from '../../src/mail/content.ts'
import { noMetrics } from '../../src/metrics.ts'
import { corpus, NO_CORPUS } from '../support/corpus.ts'
import { zoneResolver } from '../support/zone.ts'

/** The ARC test suite, validation and sealing, as the relay does it: in a worker, with keys from its resolver. */
interface Scenario {
  readonly description: string
  readonly tests: Readonly<Record<string, ArcTest>>
  readonly 'txt-records': Readonly<Record<string, string>>
  readonly privatekey: string
  readonly domain: string
  readonly sel: string
}

interface ArcTest {
  readonly description: string
  readonly message: string
  readonly cv?: string | null
  readonly t: number
  readonly 'sig-headers': string
  readonly 'srv-id': string
  readonly AS: string
  readonly AMS: string
  readonly AAR: string
}

/** The suite is for drafts of the RFC; where it differs, the RFC counts. */
const SKIPPED: Readonly<Record<string, string>> = {
  ams_fields_c_na:
    'without c= the message signature is simple/simple (RFC 8617 section 4.1.2, RFC 6376 section 3.5), not relaxed',
  ams_fields_h_empty: 'h= must hold From (RFC 8617 section 4.1.2, RFC 6376 section 5.4), and may not be empty',
}

/** Where the suite leaves the result open: a chain that says itself that it failed. */
const OPEN: Readonly<Record<string, string>> = {
  cv_fail_i1_as_cv_fail: 'fail',
  cv_fail_i2_as2_fail: 'fail',
  cv_fail_i2_as1_fail: 'fail',
}

const pool = new WorkerPool({ threads: 1 }, { clock: systemClock, log: silentLog, metrics: noMetrics })
after(() => pool.close())

const LIMITS = { signatures: 5, arcSets: 50, fieldBytes: 16_384, minRsaBits: 1024 }
const HEADER_BYTES = 1_000_000

const bytesOf = (text: string): Buffer => Buffer.from(text.replaceAll('\n', '\r\n'))

async function validate(message: Buffer, records: Scenario['txt-records']): Promise<ArcFact> {
  const zone = Object.fromEntries(Object.entries(records).map(([name, text]) => [name, { txt: [text] }]))
  const resolver = zoneResolver(zone)
  const args = { now: Date.now(), limits: LIMITS, headerBytes: HEADER_BYTES, keys: [] }
  const answer = (name: unknown) => resolver.resolveTxt(String(name))
  return (await pool.run('verify', args, memoryContent(message), { answer })).arc
}

const validation = corpus('arc/arc-draft-validation-tests.yml') as Scenario[] | null
if (validation === null) test('ARC, validation', { skip: NO_CORPUS }, () => {})

for (const { description: group, tests, 'txt-records': records } of validation ?? []) {
  for (const [name, { description, message, cv }] of Object.entries(tests)) {
    test(`${group}: ${name} (${description})`, { skip: SKIPPED[name] ?? false }, async () => {
      const { result, comment } = await validate(bytesOf(message), records)
      const expected = cv ? cv.toLowerCase() : OPEN[name]
      assert.equal(result, expected, comment ?? '')
    })
  }
}

const sealing = corpus('arc/arc-draft-sign-tests.yml') as Scenario[] | null
if (sealing === null) test('ARC, sealing', { skip: NO_CORPUS }, () => {})

const tagOf = (value: string, tag: string): string | undefined =>
  new RegExp(`(?:^|;)\\s*${tag}=([^;]*)`).exec(value.replace(/\s+/g, ''))?.[1]

/**
 * The suite gives the very bytes of one way to write the fields, and ours are written otherwise. So
 * what they say is compared, and what was sealed is validated.
 */
for (const { description: group, tests, privatekey, domain, sel, 'txt-records': records } of sealing ?? []) {
  const key = createPrivateKey(privatekey)
  for (const [name, sealed] of Object.entries(tests)) {
    test(`sealing, ${group}: ${name} (${sealed.description})`, async () => {
      const message = bytesOf(sealed.message)
      const before = await validate(message, records)
      const fields = await pool.run(
        'sign',
        {
          now: sealed.t,
          until: null,
          signers: [],
          fields: [],
          oversign: [],
          seal: {
            signer: { domain, selector: sel, algorithm: 'rsa-sha256', key },
            cv: before.result,
            instance: before.instance,
            results: `${sealed['srv-id']}; none`,
            fields: sealed['sig-headers'].split(':'),
          },
          headerBytes: HEADER_BYTES,
        },
        memoryContent(message),
      )
      const [, ams = '', as = ''] = fields.map(([, value]) => value)
      if (sealed.AS.trim() === '') return assert.deepEqual(fields, [])
      for (const tag of ['i', 'a', 'd', 's', 't', 'cv']) assert.equal(tagOf(as, tag), tagOf(sealed.AS, tag), tag)
      for (const tag of ['i', 'a', 'd', 's', 't', 'bh', 'c']) assert.equal(tagOf(ams, tag), tagOf(sealed.AMS, tag), tag)
      const head = [...fields].reverse().map(([field, value]) => formatField(field, value))
      const { result } = await validate(Buffer.concat([Buffer.from(head.join('')), message]), records)
      assert.equal(result, tagOf(sealed.AS, 'cv') === 'fail' ? 'fail' : 'pass')
    })
  }
}
