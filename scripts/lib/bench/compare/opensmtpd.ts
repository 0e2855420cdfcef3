import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../../../test/support/process.ts'
import { type CageUser, makeCage, startCaged, unpack } from './cage.ts'
import type { Mta, Place } from './mta.ts'

const PACKAGES = ['opensmtpd']
// The names are built into Debian's OpenSMTPD
const USERS: readonly CageUser[] = [
  { name: 'opensmtpd', id: 972 },
  { name: 'opensmtpq', id: 973 },
]

export const opensmtpd: Mta = {
  name: 'OpenSMTPD',
  durability:
    'as it comes: the queue file is written and renamed before the 250, but not synced (by a trace of its system calls)',

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
    await startCaged(place.group, await unpack('opensmtpd', PACKAGES), root, ['/usr/sbin/smtpd', '-d'])
  },
}

/** Its defaults, but for the bound of messages over one connection. */
const config = ({ port, sink }: Place): string => `pki relay.test cert "/etc/cert.pem"
pki relay.test key "/etc/key.pem"
smtp limit max-mails 1000000
listen on 127.0.0.1 port ${port} tls pki relay.test hostname relay.test
action "relay" relay host "smtp+notls://127.0.0.1:${sink}" helo relay.test
match from any for any action "relay"
`
