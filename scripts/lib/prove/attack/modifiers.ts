import { generateKeyPairSync, randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type Daemon, startDaemon } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { Dialogue } from '../../../../test/support/load.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { type Sink, startSink } from '../../../../test/support/sink.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Proof, Prover } from '../part.ts'
import { type Random, randomOf } from '../random.ts'

const ATTACKER = '<evil@smuggled.test>'
const SMUGGLED = `MAIL FROM:${ATTACKER}\r\nRCPT TO:<victim@next.test>\r\nDATA\r\nSubject: forged\r\n\r\npay\r\n.\r\n`
/** Line ends and dots, as no, some or all servers take them for the end of content. */
const ENDS: readonly string[] = [
  ...[
    '\n.\n',
    '\n.\r\n',
    '\r\n.\n',
    '\r.\r',
    '\r.\r\n',
    '\r\n.\r',
    '\r\r\n.\r\r\n',
    '\r\n\0.\r\n',
    '\u0085.\u0085',
    '\u2028.\u2028',
  ],
  ...[
    '\r\n.\r\n',
    '\r\n..\r\n',
    '\r\n...\r\n',
    '\r\n.. \r\n',
    '\r\n=2E\r\n',
    '=0D=0A.=0D=0A',
    '=\r\n..=\r\n',
    '\r\n \r\n..\r\n',
    '\r\n..\r\n..\r\n',
  ],
]

/** How the text is carried; those that decode let an encoded end mark come out in clear. */
const ENCODINGS = ['7bit', '8bit', 'quoted-printable', 'base64', 'flowed', 'html', 'mixed', 'alternative'] as const
type Encoding = (typeof ENCODINGS)[number]

export async function proveModifiers(prover: Prover): Promise<Proof> {
  const random = randomOf(prover.seed)
  const sink = await startSink(prover)
  const { port, daemon } = await startModifying(prover, sink)
  const bodies = bodiesOf(random, prover.amount('smuggled'))
  let accepted = 0
  let refused = 0
  for (let at = 0; at < bodies.length; at += 500) {
    const line = new Dialogue(connect({ host: '127.0.0.1', port, noDelay: true }))
    await line.expect('220')
    await line.say('EHLO client.test\r\n', '250')
    for (const body of bodies.slice(at, at + 500)) (await send(line, body)) ? accepted++ : refused++
    line.close()
    prover.say(`${accepted + refused} messages that hide another`)
  }
  const held = await settled(daemon)
  const forged = sink.messages.filter(({ mailFrom }) => mailFrom !== 'ward@client.test')
  const changed = sink.messages.filter(
    ({ content }) => content.includes('DKIM-Signature:') && content.includes('KEEP-OUT'),
  )
  const bare = sink.messages.filter(({ content }) => /\r(?!\n)|(?<!\r)\n/.test(content.toString('latin1')))
  return {
    tables: [
      {
        title: 'Messages that hide another, past inspection of their structure, with a tagline and a DKIM signature',
        columns: ['sent', 'refused', 'accepted', 'held', 'arrived', 'with tagline and signature', 'second messages'],
        rows: [[bodies.length, refused, accepted, held, sink.messages.length, changed.length, forged.length]],
      },
    ],
    promises: [
      {
        text: 'No content becomes a second message, whatever a modifier makes of it.',
        kept: forged.length === 0 && sink.messages.length + held === accepted && changed.length > 0 && accepted > 0,
        detail:
          forged.length > 0
            ? JSON.stringify(forged[0]?.content.toString('latin1')).slice(0, 800)
            : `${accepted} through`,
      },
      { text: 'No bare CR or LF leaves.', kept: bare.length === 0, detail: `${bare.length} messages with one` },
    ],
  }
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

async function startModifying(prover: Prover, sink: Sink): Promise<{ readonly port: number; readonly daemon: Daemon }> {
  const folder = temporaryFolder(prover)
  const port = await freePort()
  const { privateKey } = generateKeyPairSync('ed25519')
  writeFileSync(join(folder, 'dkim.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  writeFileSync(join(folder, 'tagline.txt'), 'KEEP-OUT: sent by a ward\n.\n..\n')
  const daemon = await startDaemon(prover, {
    hostname: 'relay.test',
    listeners: [{ address: '127.0.0.1', port, tls: 'none' }],
    clients: [{ name: 'ward', networks: ['127.0.0.1'], tls: 'optional', senders: ['*'] }],
    routes: { default: { hosts: [`127.0.0.1:${sink.port}`] } },
    limits: { errors: 100_000 },
    inspect: [
      { attachments: {} },
      { tagline: { text: join(folder, 'tagline.txt'), repeat: 'always' } },
      { sign: { selector: 's1', domain: 'client.test', key: join(folder, 'dkim.pem') } },
    ],
    log: { level: 'warn' },
    metrics: { listen: 'off' },
  })
  return { port, daemon }
}

interface Hidden {
  readonly encoding: Encoding
  readonly body: string
}

function bodiesOf(random: Random, count: number): readonly Hidden[] {
  const all = ENCODINGS.flatMap((encoding) => ENDS.map((end) => ({ encoding, body: `seen${end}${SMUGGLED}` })))
  const parts = [
    '\r\n',
    '\r\n.\r\n',
    '.',
    '\n',
    '\r',
    '=',
    ' ',
    'x',
    '\r\n..',
    '=0A',
    '=2E',
    '\u00e4',
    '\r\n--b--\r\n',
    '\r\n--b\r\n',
  ]
  while (all.length < count) {
    const length = 1 + random.below(8)
    const end = Array.from({ length }, () => random.pick(parts)).join('')
    all.push({ encoding: random.pick(ENCODINGS), body: `seen${end}${SMUGGLED}` })
  }
  return all.slice(0, Math.max(count, ENCODINGS.length * ENDS.length))
}

/** Whether it was accepted. */
async function send(line: Dialogue, hidden: Hidden): Promise<boolean> {
  await line.say('MAIL FROM:<ward@client.test>\r\n', '250')
  await line.say('RCPT TO:<practice@next.test>\r\n', '250')
  await line.say('DATA\r\n', '354')
  const stuffed = messageOf(hidden).replaceAll('\r\n.', '\r\n..')
  return (await line.say(`${stuffed}\r\n.\r\n`, '')).startsWith('250')
}

/** The message, not stuffed yet. */
function messageOf({ encoding, body }: Hidden): string {
  const head = `From: ward@client.test\r\nMessage-ID: <${randomUUID()}@client.test>\r\nSubject: x\r\nMIME-Version: 1.0\r\n`
  const type = (value: string, transfer: string = '8bit') =>
    `Content-Type: ${value}\r\nContent-Transfer-Encoding: ${transfer}\r\n\r\n`
  switch (encoding) {
    case '7bit':
    case '8bit':
    case 'quoted-printable':
      return `${head}${type('text/plain; charset=utf-8', encoding)}${body}`
    case 'base64':
      return `${head}${type('text/plain; charset=utf-8', 'base64')}${Buffer.from(body).toString('base64').replace(/.{76}/g, '$&\r\n')}`
    case 'flowed':
      return `${head}${type('text/plain; charset=utf-8; format=flowed; delsp=yes')}${body}`
    case 'html':
      return `${head}${type('text/html; charset=utf-8', 'quoted-printable')}<html><body>${body}</body></html>`
    default:
      return `${head}${type(`multipart/${encoding}; boundary=b`)}--b\r\n${type('text/plain; charset=utf-8')}${body}\r\n--b--`
  }
}
