import { randomUUID } from 'node:crypto'
import type { Random } from '../random.ts'

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

/** A message whose body hides another. */
export interface Hidden {
  readonly id: string
  readonly encoding: Encoding
  readonly body: string
}

export function bodiesOf(random: Random, count: number): readonly Hidden[] {
  const all = ENCODINGS.flatMap((encoding) =>
    ENDS.map((end) => ({ id: randomUUID(), encoding, body: `seen${end}${SMUGGLED}` })),
  )
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
    all.push({ id: randomUUID(), encoding: random.pick(ENCODINGS), body: `seen${end}${SMUGGLED}` })
  }
  return all.slice(0, Math.max(count, ENCODINGS.length * ENDS.length))
}

/** The message, not stuffed yet. */
export function messageOf({ id, encoding, body }: Hidden, from: string, subject: string): string {
  const head = `From: ${from}\r\nMessage-ID: <${id}@client.test>\r\nSubject: ${subject}\r\nMIME-Version: 1.0\r\n`
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
