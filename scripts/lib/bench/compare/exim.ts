import { chownSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '../../../../test/support/process.ts'
import { type CageUser, makeCage, startCaged, unpack } from './cage.ts'
import type { Mta, Place } from './mta.ts'

const PACKAGES = ['exim4-daemon-light', 'exim4-base', 'libidn12']
// The name is built into Debian's Exim
const USER: CageUser = { name: 'Debian-exim', id: 971 }

export const exim: Mta = {
  name: 'Exim',
  durability: 'as it comes: both spool files and their folder are synced before the 250',

  async version() {
    const files = await unpack('exim', PACKAGES)
    const { stdout } = await run('strings', ['-n', '4', join(files, 'usr/sbin/exim4')])
    return /^4\.\d+$/m.exec(stdout)?.[0] ?? '4'
  },

  async start(place) {
    const root = place.folder
    makeCage(root, [USER])
    for (const name of ['var/spool/exim4', 'var/log/exim4']) {
      mkdirSync(join(root, name))
      chownSync(join(root, name), USER.id, USER.id)
    }
    for (const [from, to] of [
      [place.certificate.certFile, 'etc/cert.pem'],
      [place.certificate.keyFile, 'etc/key.pem'],
    ] as const) {
      copyFileSync(from, join(root, to))
      chownSync(join(root, to), USER.id, USER.id)
    }
    mkdirSync(join(root, 'etc/exim4'))
    writeFileSync(join(root, 'etc/exim4/exim4.conf'), config(place))
    // What could not go at once goes with a runner of the queue, every five seconds
    const files = await unpack('exim', PACKAGES)
    await startCaged(place.group, files, root, ['/usr/sbin/exim4', '-bdf', '-q5s'])
  },
}

/** Its defaults, but for the bounds that hold back a client that sends much over one connection. */
const config = ({ port, sink }: Place): string => `primary_hostname = relay.test
local_interfaces = 127.0.0.1
daemon_smtp_ports = ${port}
spool_directory = /var/spool/exim4
log_file_path = /var/log/exim4/%slog
host_lookup =
rfc1413_query_timeout = 0s
smtp_accept_max = 0
smtp_connect_backlog = 1000
smtp_accept_max_per_connection = 1000000
smtp_accept_queue_per_connection = 0
queue_run_max = 5
tls_advertise_hosts = *
tls_certificate = /etc/cert.pem
tls_privatekey = /etc/key.pem
acl_smtp_rcpt = relay
acl_smtp_data = all
begin acl
relay:
  accept hosts = 127.0.0.1
all:
  accept
begin routers
all:
  driver = manualroute
  route_list = * 127.0.0.1
  self = send
  transport = sink
begin transports
sink:
  driver = smtp
  port = ${sink}
  allow_localhost
  hosts_avoid_tls = *
begin retry
* * F,1d,1s
`
