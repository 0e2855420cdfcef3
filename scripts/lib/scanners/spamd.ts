import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { isRoot, type ScannerSetup } from './setup.ts'

export interface SpamdSettings {
  readonly port: number
}

const DEBIANS = '/etc/spamassassin'

/** Debian's SpamAssassin with its own rules, no network, and nothing learnt. */
export function setUpSpamd(folder: string, { port }: SpamdSettings): ScannerSetup {
  const site = join(folder, 'site')
  mkdirSync(site, { recursive: true })
  for (const name of readdirSync(DEBIANS).filter((name) => name.endsWith('.pre'))) {
    copyFileSync(join(DEBIANS, name), join(site, name))
  }
  writeFileSync(join(site, 'local.cf'), LOCAL)
  const user = isRoot ? ['--username', 'nobody'] : []
  const listen = ['--listen', '127.0.0.1', '--port', String(port), '--max-children', '2', '--min-children', '1']
  const files = [`--siteconfigpath=${site}`, '--nouser-config', '--syslog', 'stderr']
  return {
    name: 'spamd',
    command: 'spamd',
    args: ['--local', ...listen, ...user, ...files],
    address: `127.0.0.1:${port}`,
    ready: () => answersPing(port),
  }
}

const TRIAL_POINTS = [7, 11, 20]

const LOCAL = `use_bayes 0
dns_available no
${TRIAL_POINTS.map((points) => `header TRIAL_${points} X-Points =~ /^${points}$/\nscore TRIAL_${points} ${points}\n`).join('')}`

const PING_MS = 1000

function answersPing(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.setTimeout(PING_MS, () => socket.destroy())
    socket.on('connect', () => socket.write('PING SPAMC/1.5\r\n\r\n'))
    socket.on('data', (data) => resolve(/^SPAMD\/\S+ 0 PONG/.test(data.toString())))
    socket.on('error', () => {})
    socket.on('close', () => resolve(false))
  })
}
