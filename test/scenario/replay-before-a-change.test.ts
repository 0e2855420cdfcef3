import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { createTransport } from 'nodemailer'
import { stringify } from 'yaml'
import type { ReplayReport } from '../../src/daemon/replay.ts'
import { makeCertificate } from '../support/certs.ts'
import { relayConfig } from '../support/config.ts'
import { Daemon, type DaemonConfig, POSTERN } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { temporaryFolder } from '../support/folder.ts'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { rspamdAnswer, startRspamdStub } from '../support/rspamd-stub.ts'
import { defer } from '../support/scope.ts'
import { startSink } from '../support/sink.ts'
import { queueIdIn } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

const ANALYSER = {
  name: 'analysers',
  networks: ['127.0.0.2/32'],
  tls: 'optional',
  device: true,
  senders: ['analyser@royal.test', '@vendor.test'],
}
const INFIRMARY = { name: 'infirmary', networks: ['127.0.0.3/32'], tls: 'optional', senders: ['@royal.test'] }
const SPAM = { tag: 6, hold: 10, reject: 50 }

interface Sent {
  readonly by: string
  readonly from: string
  readonly to: string | string[]
  readonly subject: string
  readonly tls?: boolean
}

/** What the relay handled before anybody thought of another configuration. */
const MAIL = {
  device: { by: '127.0.0.2', from: 'analyser@royal.test', to: 'ward@royal.test', subject: 'result' },
  odd: { by: '127.0.0.2', from: 'service@vendor.test', to: 'ward@royal.test', subject: 'result' },
  clear: { by: '127.0.0.3', from: 'doctor@royal.test', to: 'practice@next.test', subject: 'letter' },
  safe: {
    by: '127.0.0.3',
    from: 'doctor@royal.test',
    to: ['practice@next.test', 'x@far.test'],
    subject: 'l',
    tls: true,
  },
  outside: { by: '127.0.0.4', from: 'someone@far.test', to: 'ward@royal.test', subject: 'hello' },
  marked: { by: '127.0.0.4', from: 'seller@far.test', to: 'ward@royal.test', subject: 'score 7' },
  held: { by: '127.0.0.4', from: 'seller@far.test', to: 'ward@royal.test', subject: 'score 12' },
} as const satisfies Readonly<Record<string, Omit<Sent, 'to'> & { to: string | readonly string[] }>>
type Name = keyof typeof MAIL

async function send(port: number, { by, from, to, subject, tls = false }: Sent): Promise<string> {
  const transport = createTransport({
    host: '127.0.0.1',
    port,
    localAddress: by,
    name: 'client.test',
    ...(tls ? { requireTLS: true, tls: { rejectUnauthorized: false } } : { ignoreTLS: true }),
  })
  try {
    const { response } = await transport.sendMail({ envelope: { from, to }, raw: mail({ from, subject }).bytes })
    return queueIdIn(response)
  } finally {
    transport.close()
  }
}

interface Story {
  readonly daemon: Daemon
  readonly config: DaemonConfig
  readonly ids: Readonly<Record<Name, string>>
  /** Replays all under a configuration with other keys, and gives exit code and report. */
  replay(more: object): Promise<{ code: number | null; report: ReplayReport }>
  check(config: object, ...args: string[]): ReturnType<typeof run>
}

async function relayWithMail(t: TestContext): Promise<Story> {
  const sink = await startSink(t)
  const rspamd = await startRspamdStub(t, ({ body }, response) => {
    const [, score] = /^Subject: score (\d+)/m.exec(body.toString()) ?? []
    response.end(rspamdAnswer(Number(score ?? 0)))
  })
  const folder = temporaryFolder(t)
  const port = await freePort()
  const config = relayConfig({
    port,
    nextHop: sink.port,
    certificate: makeCertificate(folder, 'relay', ['postern.test']),
    more: {
      clients: [ANALYSER, INFIRMARY],
      domains: { 'royal.test': { relayTo: [`127.0.0.1:${sink.port}`] } },
      inspect: [{ spam: { rspamd: rspamd.url, ...SPAM } }],
    },
  })
  const daemon = new Daemon(folder, config)
  defer(t, () => daemon.stop())
  await daemon.start()
  const ids = {} as Record<Name, string>
  for (const [name, one] of Object.entries(MAIL)) ids[name as Name] = await send(port, one as unknown as Sent)
  await waitFor(async () => (await daemon.queue()).length === 1, { what: 'all but the held message to have gone' })
  const proposed = join(folder, 'new.yaml')
  const check = (found: object, ...args: string[]) => {
    writeFileSync(proposed, stringify(found))
    const files = ['--config', daemon.configFile, '--state', daemon.stateDir, '--with', proposed]
    return run(POSTERN, ['check', '--replay', '1', ...files, ...args])
  }
  const replay = async (more: object) => {
    const { code, stdout, stderr } = await check({ ...config, ...more }, '--json')
    assert.equal(stderr, '')
    return { code, report: JSON.parse(stdout) as ReplayReport }
  }
  return { daemon, config, ids, check, replay }
}

const said = ({ changes }: ReplayReport) =>
  changes
    .map(
      ({ kind, from, to, client, messages }) =>
        `${messages} ${kind}: ${from} > ${to}${client === null ? '' : `, ${client}`}`,
    )
    .sort()

test('An operator sees what a configuration would have made of the mail of the last day', async (t) => {
  const { daemon, config, ids, check, replay } = await relayWithMail(t)
  const spam = (options: object) => {
    const [{ spam: before }] = config.inspect as [{ spam: object }]
    return { inspect: [{ spam: { ...before, ...options } }] }
  }

  await t.test('nothing, where it is the same', async () => {
    const { code, report } = await replay({})
    assert.deepEqual([code, said(report), report.doubts], [0, [], []])
    assert.deepEqual([report.messages, report.recipients, report.control.others], [7, 8, 0])
    assert.equal(report.control.reproduced, 8, 'the evaluator gives what really happened, the held one included')
  })

  await t.test('senders that a client may no longer use', async () => {
    const clients = [{ ...ANALYSER, senders: ['analyser@royal.test'] }, INFIRMARY]
    const { code, report } = await replay({ clients })
    assert.deepEqual([code, said(report)], [1, ['1 fate: accepted > refused: sender (550 5.7.1), analysers']])
    assert.equal(report.changes[0]?.example.queueId, ids.odd)
    assert.match(report.changes[0]?.why ?? '', /^550 5\.7\.1 You may not send with this sender address/)
  })

  await t.test('a client that must use TLS', async () => {
    const { report } = await replay({ clients: [ANALYSER, { ...INFIRMARY, tls: 'required' }] })
    assert.deepEqual(said(report), ['1 fate: accepted > refused: tls-required (530 5.7.0), infirmary'])
    assert.equal(report.changes[0]?.example.queueId, ids.clear, 'and not the one that came over TLS')
  })

  await t.test(
    'a client that is no longer registered, whose mail for elsewhere would be relayed for nobody',
    async () => {
      const { report } = await replay({ clients: [ANALYSER] })
      assert.deepEqual(said(report), ['2 fate: accepted > refused: relay (550 5.7.1), infirmary'])
      assert.equal(report.changes[0]?.recipients, 3)
    },
  )

  await t.test('other thresholds for spam', async () => {
    const { report } = await replay(spam({ hold: 7, reject: 12 }))
    assert.deepEqual(said(report), [
      '1 fate: accepted > held by plugin spam for 5d, then reject',
      '1 fate: held by plugin spam for 5d, then reject > refused: plugin spam (554 5.7.1)',
    ])
    const lenient = await replay(spam({ tag: 40, hold: 45 }))
    assert.deepEqual(said(lenient.report), [
      '1 fate: held by plugin spam for 5d, then reject > accepted',
      '1 marks: spam > none',
    ])
    const watched = await replay(spam({ mode: 'observe' }))
    assert.deepEqual(said(watched.report), said(lenient.report))
  })

  await t.test('what is held, for how long', async () => {
    const { report } = await replay({ holds: { deadline: '2d', afterwards: 'discard' } })
    assert.deepEqual(said(report), [
      '1 fate: held by plugin spam for 5d, then reject > held by plugin spam for 2d, then discard',
    ])
  })

  await t.test('other next hops, and paths that must be safe', async () => {
    const { report } = await replay({
      routes: { default: { hosts: ['127.0.0.1:2'], tls: 'required' } },
    })
    const [route, path] = said(report).sort().reverse()
    assert.match(route ?? '', /^2 route: 127\.0\.0\.1:\d+ > 127\.0\.0\.1:2$/)
    assert.match(path ?? '', /^2 path: TLS if offered > TLS(, verified)?$/)
  })

  await t.test('recipients that are not on a list', async () => {
    const before = (config.domains as Record<string, object>)['royal.test']
    const { report } = await replay({ domains: { 'royal.test': { ...before, recipients: ['nurse'] } } })
    assert.deepEqual(
      said(report),
      [
        '2 fate: accepted > refused: unknown-recipient (550 5.1.1), analysers',
        '2 fate: accepted > refused: unknown-recipient (550 5.1.1)',
        '1 fate: held by plugin spam for 5d, then reject > refused: unknown-recipient (550 5.1.1)',
      ].sort(),
    )
  })

  await t.test('that nobody can tell what a plugin will find in content that it has not seen', async () => {
    const attachments = { attachments: { when: { direction: ['outbound'] } } }
    const { code, report } = await replay({ inspect: [...(config.inspect as object[]), attachments] })
    assert.deepEqual([code, said(report), report.doubtful], [1, [], 2])
    assert.match(report.doubts[0]?.what ?? '', /^new plugin attachments: .*content/)
  })

  await t.test('in words, as a table, and without the daemon', async () => {
    const clients = [{ ...ANALYSER, senders: ['analyser@royal.test'] }, INFIRMARY]
    await daemon.stop()
    const { code, stdout } = await check({ ...config, clients })
    assert.equal(code, 1)
    assert.match(stdout, /^1 message: accepted → refused: sender \(550 5\.7\.1\), client analysers\n/)
    assert.match(stdout, new RegExp(`e\\.g\\. ${ids.odd} from service@vendor\\.test to ward@royal\\.test`))
    assert.match(stdout, /Note: Messages that were refused have no entry in the record/)
    const csv = await check({ ...config, clients }, '--csv')
    const [head, line, end] = csv.stdout.split('\r\n')
    assert.equal(head, 'queue id,received,sender,recipient,client,what,from,to,why')
    assert.match(line ?? '', new RegExp(`^${ids.odd},.*,analysers,fate,accepted,refused: sender`))
    assert.deepEqual([end, csv.code], ['', 1])
  })

  await t.test('that a configuration is wrong, or that there is no record', async () => {
    const { code, stderr } = await check({ ...config, hostnam: 'x' })
    assert.equal(code, 78)
    assert.match(stderr, /new\.yaml.*hostnam/)
    const elsewhere = join(daemon.folder, 'nowhere')
    const files = ['--config', daemon.configFile, '--state', elsewhere, '--with', daemon.configFile]
    const unrecorded = await run(POSTERN, ['check', '--replay', '1', ...files])
    assert.deepEqual([unrecorded.code, unrecorded.stdout], [69, ''])
    assert.match(unrecorded.stderr, /^there is no file .*ledger\.db/)
    const half = await run(POSTERN, ['check', '--config', daemon.configFile, '--replay', '7'])
    assert.deepEqual([half.code, half.stdout], [64, ''])
  })
})
