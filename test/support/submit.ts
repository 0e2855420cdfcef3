import { createTransport, type SentMessageInfo } from 'nodemailer'
import type { Certificate } from './certs.ts'

export interface SubmitOptions {
  readonly port: number
  readonly bytes: Buffer
  readonly from?: string
  readonly to?: string | readonly string[]
  /** Insist on TLS, and that the server proves to hold this certificate. */
  readonly certificate?: Certificate
  /** TLS from the first byte. */
  readonly implicit?: boolean
}

/** Hands one message in, as a careful client does, and gives the server's last reply. Rejects when it is refused. */
export async function submit(options: SubmitOptions): Promise<string> {
  const { port, bytes, from = 'ward@client.test', to = 'practice@next.test', certificate, implicit = false } = options
  const transport = createTransport({
    host: '127.0.0.1',
    port,
    name: 'client.test',
    secure: implicit,
    requireTLS: certificate !== undefined && !implicit,
    ignoreTLS: certificate === undefined,
    ...(certificate ? { tls: { ca: certificate.cert, servername: 'postern.test' } } : {}),
  })
  try {
    const info: SentMessageInfo = await transport.sendMail({ envelope: { from, to: [to].flat() }, raw: bytes })
    return info.response ?? ''
  } finally {
    transport.close()
  }
}

/** The queue id in a reply. Throws where there is none. */
export function queueIdIn(reply: string): string {
  const [, id] = /queued as ([0-9A-Z]{11})/.exec(reply) ?? []
  if (id === undefined) throw new Error(`no queue id in: ${reply}`)
  return id
}
