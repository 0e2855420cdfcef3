import { mkdirSync, writeFileSync } from 'node:fs'
import { connect, type NetConnectOpts } from 'node:net'
import { join } from 'node:path'
import { eicar } from './samples.ts'
import type { ScannerSetup } from './setup.ts'

export interface ClamdSettings {
  /** Listen on this port of 127.0.0.1, not on a Unix socket. */
  readonly port?: number
  /** Lines of clamd.conf that take the place of those made here. */
  readonly more?: Readonly<Record<string, string>>
}

/** Debian's clamd with a signature file of our own, which knows EICAR and nothing else. */
export function setUpClamd(folder: string, { port, more = {} }: ClamdSettings = {}): ScannerSetup {
  for (const name of ['signatures', 'tmp']) mkdirSync(join(folder, name), { recursive: true })
  // an .ndb line (clamav.net, "Body-based signatures"): name, any type of file, anywhere in it, the bytes
  writeFileSync(join(folder, 'signatures/postern.ndb'), `Eicar-Test-Signature:0:*:${eicar().toString('hex')}\n`)
  const socket = join(folder, 'clamd.sock')
  const listen: Readonly<Record<string, string>> =
    port === undefined ? { LocalSocket: socket } : { TCPSocket: String(port), TCPAddr: '127.0.0.1' }
  const file = join(folder, 'clamd.conf')
  writeFileSync(file, lines({ ...listen, ...settings(folder), ...more }))
  const where = port === undefined ? { path: socket } : { port, host: '127.0.0.1' }
  return {
    name: 'clamd',
    command: 'clamd',
    args: ['--foreground', '--config-file', file],
    address: port === undefined ? socket : `127.0.0.1:${port}`,
    ready: () => answersPing(where),
  }
}

/** As README.md of the plugin advises, where it matters. */
const settings = (folder: string) => ({
  DatabaseDirectory: join(folder, 'signatures'),
  TemporaryDirectory: join(folder, 'tmp'),
  MaxThreads: '10',
  StreamMaxLength: '100M',
  MaxScanSize: '400M',
  // what is larger within an archive is cut at this without a word, whatever AlertExceedsMax says
  MaxFileSize: '400M',
  AlertExceedsMax: 'yes',
  ConcurrentDatabaseReload: 'yes',
})

const lines = (settings: Readonly<Record<string, string>>): string =>
  Object.entries(settings)
    .map(([key, value]) => `${key} ${value}\n`)
    .join('')

const PING_MS = 1000

function answersPing(where: NetConnectOpts): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(where)
    socket.setTimeout(PING_MS, () => socket.destroy())
    socket.on('connect', () => socket.write('zPING\0'))
    socket.on('data', (data) => resolve(data.toString() === 'PONG\0'))
    socket.on('error', () => {})
    socket.on('close', () => resolve(false))
  })
}
