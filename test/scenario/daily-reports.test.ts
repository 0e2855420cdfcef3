import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import type { ApiOutgoing, ApiReceivedReport, ApiReport, ApiTlsSummary } from '../../src/cli/api.ts'
import { silentLog } from '../../src/log.ts'
import { noMetrics } from '../../src/metrics.ts'
import { openReports } from '../../src/reports/open.ts'
import { manualClock } from '../support/clock.ts'
import { Daemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startNameServer } from '../support/name-server.ts'
import { freePorts } from '../support/ports.ts'
import { needPythonDkim, pythonVerifies } from '../support/python-dkim.ts'
import { rsaKey, writeKey } from '../support/signing.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'
import { type Zone, zoneResolver } from '../support/zone.ts'
import { options, session } from '../unit/reports/harness.ts'

const YESTERDAY = Date.now() - 86_400_000

/** What a relay saw yesterday, in its database: a session that succeeded, and two that failed. */
async function yesterday(path: string): Promise<void> {
  const clock = manualClock(YESTERDAY)
  const seams = { clock, log: silentLog, metrics: noMetrics, resolver: zoneResolver({}) }
  const reports = await openReports(options(path), seams)
  const policy = { type: 'sts', strings: ['version: STSv1'], domain: 'ours.test', mxHosts: ['mx.ours.test'] } as const
  const seen = { at: YESTERDAY, domain: 'ours.test', policies: [policy], host: 'mx.ours.test' }
  reports.tlsResults.add(session(seen))
  const failure = { type: 'certificate-expired', text: 'expired yesterday' } as const
  for (let i = 0; i < 2; i++) reports.tlsResults.add(session({ ...seen, failure }))
  await reports.close()
}

const common = { queue: { schedule: ['1s'], backOff: ['1s'], jitter: '0%' }, metrics: { listen: 'off' } }
const listeners = (port: number) => [{ address: '127.0.0.1', port, tls: 'none' }]

test('one relay reports what it saw, signed; the other reads it, and tells who is proven and what failed', async (t) => {
  if (!needPythonDkim(t)) return
  const folder = temporaryFolder(t)
  const key = rsaKey('theirs.test', 'r1')
  const tagline = join(folder, 'tagline.txt')
  writeFileSync(tagline, 'Not on reports')
  const zone: Zone = {
    '_smtp._tls.ours.test': { txt: ['v=TLSRPTv1; rua=mailto:tls@ours.test,mailto:copy@ours.test'] },
    [key.name]: { txt: [key.record] },
    'theirs.test': { txt: ['v=spf1 -all'] },
    '_dmarc.theirs.test': { txt: ['v=DMARC1; p=none; rua=mailto:dmarc@theirs.test'] },
  }
  const dns = { servers: [(await startNameServer(t, zone)).server] }
  const sink = await startSink(t)
  const [theirPort = 0, ourPort = 0] = await freePorts(2)
  const ours = new Daemon(temporaryFolder(t), {
    ...common,
    hostname: 'mx.ours.test',
    listeners: listeners(ourPort),
    domains: { 'ours.test': { relayTo: [`127.0.0.1:${sink.port}`], tls: 'none', recipients: ['copy', 'gp'] } },
    dns,
    inspect: [{ authentication: {} }],
    reports: {
      organisation: 'Ours',
      from: 'reports@ours.test',
      tls: { receive: 'tls@ours.test' },
      dmarc: { receive: 'dmarc@mx.ours.test' },
    },
  })
  const theirs = new Daemon(temporaryFolder(t), {
    ...common,
    hostname: 'relay.theirs.test',
    listeners: listeners(theirPort),
    routes: { default: { hosts: [`127.0.0.1:${ourPort}`], tls: 'none' } },
    dns,
    inspect: [
      { tagline: { text: tagline } },
      { sign: { domain: 'theirs.test', selector: 'r1', key: writeKey(join(folder, 'r1.pem'), key) } },
    ],
    reports: { organisation: 'Theirs', from: 'reports@theirs.test', spread: '0s' },
  })
  for (const daemon of [theirs, ours]) t.after(() => daemon.stop())
  mkdirSync(theirs.stateDir, { recursive: true })
  await yesterday(join(theirs.stateDir, 'reports.db'))
  await Promise.all([theirs.start(), ours.start()])

  const list = async () => ((await ours.json('tls-report', 'list')) as { reports: ApiReceivedReport[] }).reports
  const [listed] = await waitFor(async () => ((await list()).length > 0 ? list() : null), {
    what: 'the report',
    detail: () => theirs.log.slice(-3000),
  })
  assert.ok(listed)
  assert.deepEqual([listed.organisation, listed.sender, listed.good, listed.bad], ['Theirs', 'theirs.test', 1, 2])
  // our own authentication saw the signature
  assert.equal(listed.proven, true, listed.proof)
  const shown = (await ours.json('tls-report', 'show', String(listed.id))) as ApiReport
  assert.ok('policies' in shown.report)
  assert.equal(shown.report.policies[0]?.failures[0]?.reason, 'expired yesterday')
  const { failures } = (await ours.json('tls-report', 'summary', '--days', '2')) as ApiTlsSummary
  assert.equal(failures[0]?.sessions, 2)
  assert.match((await ours.cli('tls-report', 'summary')).stdout, /2 +certificate-expired +ours\.test +mx\.ours\.test/)
  assert.match((await ours.cli('tls-report', 'show', String(listed.id))).stdout, /1 sessions succeeded, 2 failed/)

  // the same mail to somebody who keeps it: signed, from nobody, without what is for people's mail
  const copy = await waitFor(() => sink.messages[0], { what: 'the copy' })
  assert.deepEqual(pythonVerifies([copy.content], { [key.name]: key.record }), [true])
  assert.match(`${copy.content}`, /^DKIM-Signature: .*d=theirs\.test; s=r1;/m)
  assert.doesNotMatch(`${copy.content}`, /Not on reports/)
  assert.equal(copy.mailFrom, '')

  // sent once
  const { reports: sent } = (await theirs.json('tls-report', 'outgoing')) as ApiOutgoing
  assert.deepEqual(
    sent.map(({ domain, state, destinations }) => [domain, state, destinations.length]),
    [['ours.test', 'sent', 2]],
  )

  // what DMARC finds of mail from outside is counted for its domain: the two reports, and something forged
  const { bytes } = mail({ from: 'x@theirs.test', to: 'gp@ours.test', body: 'Forged.\r\n' })
  await submit({ port: ourPort, bytes, from: 'x@theirs.test', to: 'gp@ours.test' })
  const { collecting } = (await ours.json('dmarc-report', 'outgoing')) as ApiOutgoing
  const sum = (of: (each: ApiOutgoing['collecting'][number]) => number) =>
    collecting.reduce((n, each) => n + of(each), 0)
  assert.deepEqual([sum(({ good }) => good), sum(({ bad }) => bad)], [2, 1])

  // addresses for reports exist wherever they are; others do not
  await submit({ port: ourPort, bytes, from: 'x@theirs.test', to: 'dmarc@mx.ours.test' })
  await assert.rejects(submit({ port: ourPort, bytes, from: 'x@theirs.test', to: 'other@mx.ours.test' }), /55\d/)
  await assert.rejects(submit({ port: ourPort, bytes, from: 'x@theirs.test', to: 'x@reports.postern.invalid' }), /55\d/)
  await waitFor(async () => /1 that could not be read/.test((await ours.cli('dmarc-report', 'summary')).stdout), {
    what: 'the note',
  })
  assert.deepEqual(await ours.queue(), [])
})
