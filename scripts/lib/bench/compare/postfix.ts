import { chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from '../../../../test/support/components.ts'
import { run } from '../../../../test/support/process.ts'
import { Missing } from '../part.ts'
import type { Mta, Place } from './mta.ts'

const DAEMONS = '/usr/lib/postfix/sbin'
const MASTER_CF = ['/usr/share/postfix/master.cf.dist', '/etc/postfix/master.cf']

export const postfix: Mta = {
  name: 'Postfix',
  durability: 'as it comes: cleanup(8) syncs the queue file before the 250',

  async version() {
    if (program('postfix') === null) throw new Missing('postfix is not installed')
    if (process.getuid?.() !== 0) throw new Missing('Postfix can only be started by root')
    return (await run('/usr/sbin/postconf', ['-d', '-h', 'mail_version'])).stdout.trim()
  },

  async start(place) {
    const conf = join(place.folder, 'conf')
    for (const name of ['conf', 'spool', 'data']) mkdirSync(join(place.folder, name))
    const uid = Number((await run('/usr/bin/id', ['-u', 'postfix'])).stdout)
    chownSync(join(place.folder, 'data'), uid, 0)
    writeFileSync(join(conf, 'master.cf'), masterCf(place.port))
    writeFileSync(join(conf, 'main.cf'), mainCf(place))
    for (const name of ['dynamicmaps.cf', 'postfix-files']) {
      if (existsSync(`/etc/postfix/${name}`)) copyFileSync(`/etc/postfix/${name}`, join(conf, name))
    }
    await run('/usr/sbin/postfix', ['-c', conf, 'check'])
    await place.group.start(join(DAEMONS, 'master'), ['-c', conf, '-d'])
  },
}

/** Debian's own, on our port, and without the change of root that an instance elsewhere has no files for. */
function masterCf(port: number): string {
  const source = MASTER_CF.find(existsSync)
  if (source === undefined) throw new Missing('a master.cf of Postfix')
  return readFileSync(source, 'utf8')
    .replace(/^smtp\s+inet.*$/m, `127.0.0.1:${port} inet n - n - 100 smtpd`)
    .replace(/^(\S+\s+(?:unix|inet|fifo|unix-dgram)\s+\S+\s+\S+\s+)y/gm, '$1n')
}

const mainCf = ({ folder, sink, certificate }: Place): string => `compatibility_level = 3.6
queue_directory = ${folder}/spool
data_directory = ${folder}/data
command_directory = /usr/sbin
daemon_directory = ${DAEMONS}
mail_owner = postfix
setgid_group = postdrop
myhostname = relay.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [127.0.0.1]:${sink}
smtp_tls_security_level = none
smtpd_tls_security_level = may
smtpd_tls_cert_file = ${certificate.certFile}
smtpd_tls_key_file = ${certificate.keyFile}
maillog_file = ${folder}/mail.log
maillog_file_prefixes = ${tmpdir()}
in_flow_delay = 0
default_destination_concurrency_limit = 20
smtpd_client_connection_count_limit = 0
alias_maps =
alias_database =
`
