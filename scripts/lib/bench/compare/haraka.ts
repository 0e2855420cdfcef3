import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../../../test/support/process.ts'
import { Missing } from '../part.ts'
import { FETCHED } from './cage.ts'
import type { Mta, Place } from './mta.ts'

const HOME = join(FETCHED, 'haraka')
const PROGRAM = join(HOME, 'node_modules/.bin/haraka')
const INSTALL_MS = 300_000

export const haraka: Mta = {
  name: 'Haraka',
  durability: 'as it comes: the queue file is synced before the 250, its new name in the folder is not',

  async version() {
    if (!existsSync(PROGRAM)) await install()
    const text = readFileSync(join(HOME, 'node_modules/Haraka/package.json'), 'utf8')
    return (JSON.parse(text) as { version: string }).version
  },

  async start(place) {
    const { folder, certificate, group } = place
    const made = await run(PROGRAM, ['-i', folder])
    if (made.code !== 0) throw new Error(`haraka -i: ${made.stderr}${made.stdout}`)
    for (const [file, text] of Object.entries(files(place))) writeFileSync(join(folder, file), text)
    copyFileSync(certificate.keyFile, join(folder, 'config/tls_key.pem'))
    copyFileSync(certificate.certFile, join(folder, 'config/tls_cert.pem'))
    await group.start(PROGRAM, ['-c', folder])
  },
}

/** Of its own, outside the project: it is no dependency. */
async function install(): Promise<void> {
  mkdirSync(HOME, { recursive: true })
  // The newest encoding-japanese cannot be had from every registry
  const wanted = { private: true, dependencies: { Haraka: '^3' }, overrides: { 'encoding-japanese': '2.2.0' } }
  writeFileSync(join(HOME, 'package.json'), JSON.stringify(wanted))
  const args = ['install', '--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund']
  const { code, stderr } = await run('npm', args, { cwd: HOME, timeoutMs: INSTALL_MS })
  if (code !== 0) throw new Missing(`npm cannot install it: ${stderr.slice(-500)}`)
}

/** One process, as Postern's; everybody may relay, everything goes to the sink. */
const files = ({ port, sink }: Place): Record<string, string> => ({
  'config/smtp.ini': `listen=127.0.0.1:${port}\nnodes=0\n`,
  'config/plugins': 'tls\nbench_relay\n',
  'config/loglevel': 'NOTICE\n',
  'config/log.ini': '[main]\nlevel=notice\n',
  'config/outbound.ini': 'concurrency_max=100\nenable_tls=false\nreceived_header=Haraka\n',
  'config/me': 'relay.test\n',
  'plugins/bench_relay.js': `
exports.hook_connect = (next, connection) => { connection.relaying = true; next() }
exports.hook_rcpt = (next) => next(OK)
exports.hook_get_mx = (next) => next(OK, { exchange: '127.0.0.1', port: ${sink}, priority: 0 })
`,
})
