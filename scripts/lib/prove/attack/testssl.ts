import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Certificate } from '../../../../test/support/certs.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { answers, freePort } from '../../../../test/support/ports.ts'
import { end, run, start } from '../../../../test/support/process.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import type { Prover } from '../part.ts'

/** A listener that is scanned. */
export interface Target {
  readonly name: string
  readonly port: number
  readonly starttls: boolean
}

/** What testssl.sh says of it that is at least medium. */
export interface Finding {
  readonly id: string
  readonly severity: string
  readonly finding: string
}

const TESTSSL_MS = 1_800_000
const BAD = new Set(['MEDIUM', 'HIGH', 'CRITICAL'])
/** As strict as can be, so that only the certificate is left to be found fault with. */
const STRICT = [
  '-min_protocol',
  'TLSv1.2',
  '-cipher',
  'ECDHE+AESGCM:ECDHE+CHACHA20',
  '-serverpref',
  '-no_ticket',
  '-no_renegotiation',
]

/** Openssl's own server, with the same certificate as the listeners. */
export async function startControl(prover: Prover, { certFile, keyFile }: Certificate): Promise<Target> {
  const port = await freePort()
  const own = ['-accept', `127.0.0.1:${port}`, '-cert', certFile, '-key', keyFile, '-quiet']
  const server = await start('openssl', ['s_server', ...own, ...STRICT])
  prover.after(() => end(server))
  await waitFor(() => !server.alive || answers(port), { what: 'openssl to listen', detail: () => server.output() })
  return { name: 'openssl, for comparison', port, starttls: false }
}

/** Throws where it did not look at everything. */
export async function testssl(prover: Prover, { name, port, starttls }: Target): Promise<readonly Finding[]> {
  const file = join(temporaryFolder(prover), 'found.json')
  const how = starttls ? ['--starttls', 'smtp'] : []
  prover.say(`testssl.sh looks at ${name}, which takes minutes`)
  const options = ['--quiet', '--color', '0', '--warnings', 'off', '--ip', 'one', '--jsonfile', file, ...how]
  const { stdout } = await run('testssl', [...options, `127.0.0.1:${port}`], { timeoutMs: TESTSSL_MS })
  const found = JSON.parse(readFileSync(file, 'utf8')) as Finding[]
  if (!['TLS1_3', 'ROBOT', 'LUCKY13', 'RC4'].every((id) => found.some((each) => each.id === id)))
    throw new Error(`testssl.sh did not finish: ${stdout.slice(-500)}`)
  return found.filter(({ severity }) => BAD.has(severity))
}

/** What is said of a listener and not, word for word, of the control as well. */
export function ours(found: readonly Finding[], control: readonly Finding[]): readonly Finding[] {
  return found.filter((each) => !control.some((other) => other.id === each.id && other.finding === each.finding))
}
