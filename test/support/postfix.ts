import { chownSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { temporaryFolder } from './folder.ts'
import { Dialogue } from './load.ts'
import { freePort } from './ports.ts'
import { end, type Running, run, start } from './process.ts'
import { defer, type Scope } from './scope.ts'
import { waitFor } from './wait.ts'

/** Lines of main.cf. */
export type PostfixSettings = Readonly<Record<string, string | number>>

/** A real Debian Postfix in a temporary folder, apart from the system's own. Needs root. */
export interface Postfix {
  readonly port: number
  readonly folder: string
  log(): string
  /** Messages in its maildir so far, line ends LF; only with `maildir`. */
  delivered(): string[]
  /** What `postqueue -p` prints. */
  queue(): Promise<string>
  stop(): Promise<void>
}

const DAEMONS = '/usr/lib/postfix/sbin'
const MASTER_CF = ['/usr/share/postfix/master.cf.dist', '/etc/postfix/master.cf']
// virtual(8) refuses to write as a user below 100; this is `nobody`
const MAIL_UID = 65534

/** Starts Postfix on a free port of 127.0.0.1; it ends with the scope. */
export async function startPostfix(scope: Scope, settings: PostfixSettings): Promise<Postfix> {
  const folder = temporaryFolder(scope, 'postfix')
  const port = await freePort()
  writeInstance(folder, port, settings)
  const conf = join(folder, 'conf')
  // Makes the folders of the queue with the owners that the daemons insist on
  await run('/usr/sbin/postfix', ['-c', conf, 'check'])
  const master = await start(join(DAEMONS, 'master'), ['-c', conf, '-d'], { detached: true })
  defer(scope, () => stop(master))
  const log = () => readLog(folder) + master.output()
  await waitFor(() => greets(port), { what: 'Postfix to answer', detail: log })
  return {
    port,
    folder,
    log,
    delivered: () => maildir(join(folder, 'mail/inbox/new')),
    queue: async () => (await run('/usr/sbin/postqueue', ['-c', conf, '-p'])).stdout,
    stop: () => stop(master),
  }
}

/** Settings that make Postfix the last hop for every recipient of `domain`: one maildir takes all. */
export const maildirSettings = (domain: string): PostfixSettings => ({
  virtual_mailbox_domains: domain,
  virtual_mailbox_maps: 'static:inbox/',
  virtual_uid_maps: `static:${MAIL_UID}`,
  virtual_gid_maps: `static:${MAIL_UID}`,
  virtual_transport: 'virtual',
})

function writeInstance(folder: string, port: number, settings: PostfixSettings): void {
  for (const name of ['conf', 'spool', 'data', 'mail']) mkdirSync(join(folder, name))
  chownSync(join(folder, 'data'), postfixUid(), 0)
  chownSync(join(folder, 'mail'), MAIL_UID, MAIL_UID)
  writeFileSync(join(folder, 'conf/master.cf'), masterCf(port))
  const lines = Object.entries({ ...mainCf(folder), ...settings }).map(([key, value]) => `${key} = ${value}\n`)
  writeFileSync(join(folder, 'conf/main.cf'), lines.join(''))
  for (const name of ['dynamicmaps.cf', 'postfix-files']) {
    if (existsSync(`/etc/postfix/${name}`)) copyFileSync(`/etc/postfix/${name}`, join(folder, 'conf', name))
  }
}

/** Debian's own, on our port, and without the change of root that an instance elsewhere has no files for. */
function masterCf(port: number): string {
  const source = MASTER_CF.find(existsSync)
  if (source === undefined) throw new Error('Postfix is not installed')
  return readFileSync(source, 'utf8')
    .replace(/^smtp\s+inet.*$/m, `127.0.0.1:${port} inet n - n - 100 smtpd`)
    .replace(/^(\S+\s+(?:unix|inet|fifo|unix-dgram)\s+\S+\s+\S+\s+)y/gm, '$1n')
}

const mainCf = (folder: string): PostfixSettings => ({
  compatibility_level: '3.6',
  queue_directory: join(folder, 'spool'),
  data_directory: join(folder, 'data'),
  command_directory: '/usr/sbin',
  daemon_directory: DAEMONS,
  mail_owner: 'postfix',
  setgid_group: 'postdrop',
  myhostname: 'postfix.test',
  mydestination: '',
  inet_interfaces: '127.0.0.1',
  inet_protocols: 'ipv4',
  mynetworks: '127.0.0.0/8',
  virtual_mailbox_base: join(folder, 'mail'),
  maillog_file: join(folder, 'mail.log'),
  maillog_file_prefixes: folder,
  alias_maps: '',
  alias_database: '',
  in_flow_delay: '0',
  smtpd_client_connection_count_limit: 0,
  minimal_backoff_time: '2s',
  maximal_backoff_time: '4s',
  queue_run_delay: '2s',
})

function postfixUid(): number {
  const line = readFileSync('/etc/passwd', 'utf8').match(/^postfix:[^:]*:(\d+):/m)
  if (!line) throw new Error('there is no user named postfix')
  return Number(line[1])
}

/** Postfix answers only when master has started an smtpd, so a connection alone proves nothing. */
async function greets(port: number): Promise<boolean> {
  const line = new Dialogue(connect({ host: '127.0.0.1', port }))
  try {
    await line.expect('220')
    await line.say('QUIT\r\n', '221')
    return true
  } catch {
    return false
  } finally {
    line.close()
  }
}

/** master leads a process group of its own: its daemons are told with it. */
async function stop(master: Running): Promise<void> {
  const { alive } = master
  await end(master)
  if (!alive) return
  try {
    process.kill(-master.pid, 'SIGKILL')
  } catch {
    // none was left
  }
}

const readLog = (folder: string): string => {
  const file = join(folder, 'mail.log')
  return existsSync(file) ? readFileSync(file, 'utf8') : ''
}

function maildir(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder).map((name) => readFileSync(join(folder, name), 'utf8'))
}
