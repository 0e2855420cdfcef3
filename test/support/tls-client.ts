import { once } from 'node:events'
import { connect as connectPlain } from 'node:net'
import { connect } from 'node:tls'
import { Dialogue } from './load.ts'

/** The certificate (DER) that the server on 127.0.0.1 shows after STARTTLS. */
export async function servedCertificate(port: number): Promise<Buffer> {
  const plain = connectPlain({ host: '127.0.0.1', port })
  const line = new Dialogue(plain)
  try {
    await line.expect('220')
    await line.say('EHLO client.test\r\n', '250')
    await line.say('STARTTLS\r\n', '220')
    plain.removeAllListeners('data')
    const secure = connect({ socket: plain, rejectUnauthorized: false })
    await once(secure, 'secureConnect')
    return secure.getPeerCertificate().raw
  } finally {
    line.close()
  }
}
