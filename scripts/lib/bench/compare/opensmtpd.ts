import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { run } from '../../../../test/support/process.ts'
import { Missing } from '../part.ts'
import { type CageUser, makeCage, startCaged, unpack } from './cage.ts'
import type { Mta, Place } from './mta.ts'

const PACKAGES = ['opensmtpd']
/** Why it is needed stands in it. */
const BACKLOG = resolve('scripts/lib/bench/compare/native/backlog.c')
const NO_TLS =
  "Debian's build fails every handshake with an RSA key: SSL_accept: rsa routines::missing private key (its private key lies in another process, and OpenSSL 3 does not ask there)"
// The names are built into Debian's OpenSMTPD
const USERS: readonly CageUser[] = [
  { name: 'opensmtpd', id: 972 },
  { name: 'opensmtpq', id: 973 },
]

export const opensmtpd: Mta = {
  name: 'OpenSMTPD',
  durability:
    'as it comes, and it has no setting for more: the queue file is written and renamed before the 250, not synced',

  unfit: ({ tls }) => (tls ? NO_TLS : null),

  async version() {
    const files = await unpack('opensmtpd', PACKAGES)
    const { stdout } = await run('strings', [join(files, 'usr/sbin/smtpd')])
    return /OpenSMTPD (\d\S+)/.exec(stdout)?.[1] ?? ''
  },

  async start(place) {
    const root = place.folder
    makeCage(root, USERS)
    mkdirSync(join(root, 'var/lib/opensmtpd/empty'), { recursive: true })
    mkdirSync(join(root, 'var/run'))
    mkdirSync(join(root, 'var/spool/smtpd'), { mode: 0o711 })
    copyFileSync(place.certificate.certFile, join(root, 'etc/cert.pem'))
    copyFileSync(place.certificate.keyFile, join(root, 'etc/key.pem'))
    chmodSync(join(root, 'etc/key.pem'), 0o600)
    writeFileSync(join(root, 'etc/smtpd.conf'), config(place))
    writeFileSync(join(root, 'etc/mailname'), 'relay.test\n')
    await compileBacklog(join(root, 'etc/backlog.so'))
    const command = ['/usr/bin/env', 'LD_PRELOAD=/etc/backlog.so', '/usr/sbin/smtpd', '-d']
    await startCaged(place.group, await unpack('opensmtpd', PACKAGES), root, command)
  },
}

async function compileBacklog(file: string): Promise<void> {
  const { code, stderr } = await run('gcc', ['-O2', '-shared', '-fPIC', '-o', file, BACKLOG, '-ldl'])
  if (code !== 0) throw new Missing(`backlog.c does not compile: ${stderr}`)
}

/** Its defaults, but for the bound of messages over one connection (and the queue of connections: native/backlog.c). */
const config = ({ port, sink }: Place): string => `pki relay.test cert "/etc/cert.pem"
pki relay.test key "/etc/key.pem"
smtp limit max-mails 1000000
mta limit max-conn-per-host 20
mta limit max-conn-per-route 20
mta limit conn-delay-route 0
mta limit conn-delay-relay 0
mta limit session-mail-max 1000000
listen on 127.0.0.1 port ${port} tls pki relay.test hostname relay.test
action "relay" relay host "smtp+notls://127.0.0.1:${sink}" helo relay.test
match from any for any action "relay"
`
