import { createHash, randomUUID } from 'node:crypto'
import { createTransport } from 'nodemailer'

/** A message, as the bytes that are sent. */
export interface Sample {
  readonly messageId: string
  readonly from: string
  readonly to: string
  readonly bytes: Buffer
}

const LETTER = `Dear colleague,

Zoë Björnsdóttir was discharged today in good health. The summary is attached.
.
The line above is a single dot, which a careless relay loses. Dziękuję · ευχαριστώ · 谢谢
`

/** A letter with text beyond ASCII and an attachment of every byte there is. */
export function sample(number: number): Promise<Sample> {
  const everyByte = Buffer.from(Array.from({ length: 4096 }, (_, i) => i % 256))
  const subject = `Discharge summary ${number} — Entlassungsbrief`
  return compose(subject, LETTER, [
    { filename: 'summary.bin', content: everyByte, contentType: 'application/octet-stream' },
  ])
}

/** A letter with a text or with an attachment. */
export function sampleWith(
  subject: string,
  what: string | { readonly filename: string; readonly content: Buffer },
): Promise<Sample> {
  return typeof what === 'string' ? compose(subject, what, []) : compose(subject, 'Please see the file.\n', [what])
}

async function compose(subject: string, text: string, attachments: object[]): Promise<Sample> {
  const [from, to] = ['ward@trust.example.test', 'practice@next.example.test']
  const messageId = `<quickstart-${randomUUID()}@trust.example.test>`
  const composer = createTransport({ streamTransport: true, buffer: true, newline: 'windows' })
  const { message } = await composer.sendMail({ from: `Ward 7 <${from}>`, to, messageId, subject, text, attachments })
  return { messageId, from, to, bytes: Buffer.isBuffer(message) ? message : Buffer.alloc(0) }
}

export interface Submission {
  readonly port: number
  /** TLS from the first byte; otherwise STARTTLS. */
  readonly implicit: boolean
  /** The certificate that the server must prove to hold, PEM. */
  readonly certificate: string
}

/** Sends it over TLS, which it insists on, and gives the server's last reply. */
export async function submit(message: Sample, { port, implicit, certificate }: Submission): Promise<string> {
  const transport = createTransport({
    host: '127.0.0.1',
    port,
    name: 'client.example.test',
    secure: implicit,
    requireTLS: !implicit,
    tls: { ca: certificate, servername: 'localhost', minVersion: 'TLSv1.2' },
  })
  try {
    const { response } = await transport.sendMail({
      envelope: { from: message.from, to: message.to },
      raw: message.bytes,
    })
    return response
  } finally {
    transport.close()
  }
}

const BODY = Buffer.from('\r\n\r\n')

/** SHA-256 of everything after the header, hex. */
export function bodyHash(message: Buffer): string {
  const at = message.indexOf(BODY)
  return createHash('sha256')
    .update(message.subarray(at < 0 ? 0 : at + BODY.length))
    .digest('hex')
}

/** Whether what arrived is what was sent: a relay may put fields in front, and change nothing else. */
export const isIntact = (sent: Buffer, arrived: Buffer): boolean =>
  arrived.length >= sent.length && arrived.subarray(arrived.length - sent.length).equals(sent)
