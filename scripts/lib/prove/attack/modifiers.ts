import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type Daemon, startDaemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { Dialogue } from '../../../../test/support/load.ts'
import { type Issued, issue, MAIL_USE, openssl } from '../../../../test/support/openssl.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { type Received, type Sink, startSink } from '../../../../test/support/sink.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Promised, Proof, Prover } from '../part.ts'
import { randomOf } from '../random.ts'
import { bodiesOf, type Hidden, messageOf } from './hidden.ts'

/** What a message passes on its way is decided by who sends it to whom. */
interface Lane {
  readonly name: string
  readonly client: string
  readonly from: string
  readonly to: string
  readonly subject: string
  /** What stands in each message that its modifiers changed. */
  readonly mark: RegExp
}

const LANES: readonly Lane[] = [
  {
    name: 'tagline and DKIM signature',
    client: '127.0.0.1',
    from: 'ward@client.test',
    to: 'practice@next.test',
    subject: 'x',
    mark: /DKIM-Signature:.*KEEP-OUT/s,
  },
  {
    name: 'banner',
    client: '127.0.0.9',
    from: 'somebody@outside.test',
    to: 'ward@ours.test',
    subject: 'x',
    mark: /TAKE-CARE/,
  },
  {
    name: 'S/MIME encryption',
    client: '127.0.0.1',
    from: 'ward@client.test',
    to: 'ann@cert.test',
    subject: '[Secure] x',
    mark: /smime-type=enveloped-data/,
  },
]

interface Arena {
  readonly port: number
  readonly daemon: Daemon
  readonly sink: Sink
  readonly folder: string
  /** Of the recipient of what is encrypted. */
  readonly ann: Issued
}

interface Sent {
  readonly lane: Lane
  readonly bodies: readonly Hidden[]
  readonly accepted: ReadonlySet<string>
}

export async function proveModifiers(prover: Prover): Promise<Proof> {
  const random = randomOf(prover.seed)
  const arena = await startModifying(prover)
  const sent: Sent[] = []
  for (const lane of LANES) {
    if (sent.length > 0 && prover.isOver()) break
    const bodies = bodiesOf(random, Math.ceil(prover.amount('smuggled') / LANES.length))
    const { tried, accepted } = await sendAll(arena, lane, bodies, prover.isOver)
    sent.push({ lane, bodies: bodies.slice(0, tried), accepted })
    prover.say(`${tried} messages that hide another, ${lane.name}`)
  }
  const held = await settled(arena.daemon)
  const { messages } = arena.sink
  const expected = sent.reduce((sum, { accepted }) => sum + accepted.size, 0)
  return {
    tables: [
      {
        title: 'Messages that hide another, past inspection of their structure and what changes them',
        columns: ['changed by', 'sent', 'accepted', 'arrived', 'changed'],
        rows: sent.map((each) => row(each, messages)),
      },
    ],
    promises: [...promisesOf(messages, expected, held), changes(sent, messages), ...decrypted(arena, sent)],
  }
}

function row({ lane, bodies, accepted }: Sent, messages: readonly Received[]): (string | number)[] {
  const arrived = messages.filter((message) => isOf(message, lane))
  return [lane.name, bodies.length, accepted.size, arrived.length, arrived.filter(isChangedBy(lane)).length]
}

const isOf = ({ rcptTo }: Received, { to }: Lane): boolean => rcptTo.some(({ address }) => address === to)
const isChangedBy =
  ({ mark }: Lane) =>
  ({ content }: Received): boolean =>
    mark.test(content.toString('latin1').replace(/=\r\n/g, ''))

function promisesOf(messages: readonly Received[], accepted: number, held: number): readonly Promised[] {
  const senders = new Set(LANES.map(({ from }) => from))
  const forged = messages.filter(({ mailFrom }) => !senders.has(mailFrom))
  const bare = messages.filter(({ content }) => /\r(?!\n)|(?<!\r)\n/.test(content.toString('latin1')))
  return [
    {
      text: 'No content becomes a second message, whatever a modifier makes of it.',
      kept: forged.length === 0 && messages.length + held === accepted && accepted > 0,
      detail:
        forged.length > 0
          ? JSON.stringify(forged[0]?.content.toString('latin1')).slice(0, 800)
          : `${accepted} accepted, ${held} of them held for their structure`,
    },
    { text: 'No bare CR or LF leaves.', kept: bare.length === 0, detail: `${bare.length} messages with one` },
  ]
}

/** Otherwise nothing is proven of the modifiers. */
function changes(sent: readonly Sent[], messages: readonly Received[]): Promised {
  const blind = sent.filter(
    ({ lane }) => !messages.some((message) => isOf(message, lane) && isChangedBy(lane)(message)),
  )
  return {
    text: 'Each modifier had such messages to change.',
    kept: blind.length === 0,
    detail: blind.map(({ lane }) => lane.name).join(', ') || LANES.map(({ name }) => name).join(', '),
  }
}

/** What openssl, with the recipient's key, makes of what was encrypted. */
function decrypted({ sink, folder, ann }: Arena, sent: readonly Sent[]): readonly Promised[] {
  const all = sent.filter(({ lane }) => lane.subject.startsWith('[Secure]'))
  const bodies = new Map(
    all.flatMap((each) => each.bodies.map((body) => [body.id, { body, lane: each.lane }] as const)),
  )
  const messages = sink.messages.filter((message) => all.some(({ lane }) => isOf(message, lane)))
  const clear = messages.filter(({ content }) => /MAIL FROM|seen|\[Secure\]/.test(content.toString('latin1')))
  const file = join(folder, 'received.eml')
  const altered = messages.flatMap(({ content }) => {
    writeFileSync(file, content)
    const inner = openssl(['cms', '-decrypt', '-in', file, '-recip', ann.pemFile, '-inkey', ann.keyFile])
    const was = bodies.get(/^Message-ID: <(.*?)@/im.exec(content.toString('latin1'))?.[1] ?? '')
    const isSame = was !== undefined && inner.toString().endsWith(`\r\n${bodyOf(was.body, was.lane)}\r\n`)
    return isSame ? [] : [inner.toString()]
  })
  return [
    {
      text: 'What is encrypted says nothing in clear, and its recipient reads all that was sent, and no more.',
      kept: clear.length === 0 && altered.length === 0,
      detail:
        altered.length > 0 ? JSON.stringify(altered[0]).slice(0, 800) : `${messages.length} decrypted and compared`,
    },
  ]
}

function bodyOf(hidden: Hidden, { from, subject }: Lane): string {
  const text = messageOf(hidden, from, subject)
  return text.slice(text.indexOf('\r\n\r\n') + 2)
}

/** However early it is ended, a modifier had something to change. */
const ENOUGH = 20

/** How many were sent, and the ids of those that were accepted. */
async function sendAll(
  { port }: Arena,
  lane: Lane,
  bodies: readonly Hidden[],
  isOver: () => boolean,
): Promise<{ readonly tried: number; readonly accepted: ReadonlySet<string> }> {
  const accepted = new Set<string>()
  let tried = 0
  for (let at = 0; at < bodies.length && !(accepted.size > ENOUGH && isOver()); at += 500) {
    const line = new Dialogue(connect({ host: '127.0.0.1', port, localAddress: lane.client, noDelay: true }))
    await line.expect('220')
    await line.say('EHLO client.test\r\n', '250')
    for (const body of bodies.slice(at, at + 500)) {
      if (accepted.size > ENOUGH && isOver()) break
      tried++
      if (await send(line, lane, body)) accepted.add(body.id)
    }
    line.close()
  }
  return { tried, accepted }
}

/** Whether it was accepted. */
async function send(line: Dialogue, lane: Lane, hidden: Hidden): Promise<boolean> {
  await line.say(`MAIL FROM:<${lane.from}>\r\n`, '250')
  await line.say(`RCPT TO:<${lane.to}>\r\n`, '250')
  await line.say('DATA\r\n', '354')
  const stuffed = messageOf(hidden, lane.from, lane.subject).replaceAll('\r\n.', '\r\n..')
  return (await line.say(`${stuffed}\r\n.\r\n`, '')).startsWith('250')
}

/** How many are held, once no other message is on its way: their structure is doubtful. */
async function settled(daemon: Daemon): Promise<number> {
  const counts = async () => (await daemon.status()).queue?.states
  await waitFor(async () => (await counts())?.pending === 0 && (await counts())?.leased === 0, {
    what: 'a queue without messages on their way',
    timeoutMs: 120_000,
    everyMs: 100,
  })
  return (await counts())?.held ?? 0
}

async function startModifying(prover: Prover): Promise<Arena> {
  const [folder, sink, port] = [temporaryFolder(prover), await startSink(prover), await freePort()]
  const { privateKey } = generateKeyPairSync('ed25519')
  const file = (name: string, text: string | Buffer) => {
    writeFileSync(join(folder, name), text, { mode: 0o600 })
    return join(folder, name)
  }
  const key = file('dkim.pem', privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const sign = { selector: 's1', domain: 'client.test', key, when: { recipients: ['next.test'] } }
  const tagline = { text: file('tagline.txt', 'KEEP-OUT: sent by a ward\n.\n..\n'), repeat: 'always' }
  const banner = { text: file('banner.txt', '.\nTAKE-CARE: from outside\n..\n') }
  const relayTo = [`127.0.0.1:${sink.port}`]
  const daemon = await startDaemon(prover, {
    hostname: 'relay.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    clients: [{ name: 'ward', networks: ['127.0.0.1'], tls: 'optional', senders: ['*'] }],
    domains: { 'ours.test': { relayTo, recipients: 'any' } },
    routes: { default: { hosts: relayTo } },
    limits: { errors: 100_000, outside: { rate: 'off', recipientRate: 'off', reverseDns: 'off' } },
    inspect: [
      { attachments: {} },
      { banner },
      { tagline: { ...tagline, when: { recipients: ['next.test'] } } },
      { sensitive: {} },
      { sign },
    ],
    log: { level: 'warn' },
    metrics: { listen: 'off' },
  })
  const ann = issue(folder, 'ann', { emails: ['ann@cert.test'], extensions: MAIL_USE })
  const { code, stderr } = await daemon.cli('certificate', 'add', ann.pemFile)
  if (code !== 0) throw new Error(`the certificate was not taken: ${stderr}`)
  return { port, daemon, sink, folder, ann }
}
