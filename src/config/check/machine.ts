import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { dirname } from 'node:path'
import type { Config } from '../config.ts'
import { formatHostPort } from '../endpoint.ts'
import { reserveBytes } from '../schema/delivery.ts'
import { formatSize } from '../values.ts'
import { type Finding, inWords } from './finding.ts'

/** Whether other servers would take the name seriously, RFC 5321 section 2.3.5. */
export function checkHostname({ hostname }: Config): Finding[] {
  const remedy = 'Give the full name under which this server stands in the DNS.'
  const finding = { level: 'warning', key: 'hostname', where: hostname, remedy } as const
  if (!hostname.includes('.'))
    return [{ ...finding, what: 'is no full domain name, and many servers refuse mail from such' }]
  if (/(^|\.)(localhost|localdomain|local|invalid)$/.test(hostname)) {
    return [{ ...finding, what: 'is a name that the DNS never knows' }]
  }
  return []
}

/** Whether the state folder can be written, and has room. */
export async function checkState({ state, spool }: Config): Promise<Finding[]> {
  const findings = await Promise.all([writable('state.dir', state.dir), writable('state.spool', state.spool)])
  const folder = await nearestFolder(state.spool)
  const { bavail, blocks, bsize } = await statfs(folder)
  const free = bavail * bsize
  const reserve = reserveBytes(spool.reserve, blocks * bsize)
  if (free < reserve) {
    const what = `its disk has ${readable(free)} free, less than the reserve of ${readable(reserve)}: new mail would be deferred`
    const remedy = 'Make room, or lower spool.reserve.'
    findings.push([{ level: 'error', key: 'spool.reserve', where: folder, what, remedy }])
  }
  return findings.flat()
}

const MIB = 1024 * 1024
const readable = (bytes: number): string => formatSize(Math.floor(bytes / MIB) * MIB || bytes)

async function writable(key: string, where: string): Promise<Finding[]> {
  const folder = await nearestFolder(where)
  try {
    if (!(await stat(folder)).isDirectory()) throw Object.assign(new Error(), { code: 'ENOTDIR' })
    await access(folder, constants.W_OK | constants.X_OK)
    return []
  } catch (error) {
    const what =
      folder === where ? `cannot be written: ${inWords(error)}` : `cannot be made in ${folder}: ${inWords(error)}`
    const remedy = 'Make the folder, and give it to the user that Postern runs as.'
    return [{ level: 'error', key, where, what, remedy }]
  }
}

/** The folder itself, or the nearest one above it that is there. */
async function nearestFolder(path: string): Promise<string> {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = await stat(folder).catch(() => null)
    if (found !== null || folder === dirname(folder)) return folder
  }
}

/** Whether operators' own plugins, and the files of built-in ones, are there. Nothing is run. */
export async function checkPlugins({ inspect }: Config): Promise<Finding[]> {
  const found = inspect.map(({ name, module, options }, index) => {
    if (module !== null) return checkModule(`inspect[${index}].module`, module)
    const { file } = options
    return typeof file === 'string' ? checkFile(`inspect[${index}].${name}.file`, file) : []
  })
  return (await Promise.all(found)).flat()
}

async function checkFile(key: string, where: string): Promise<Finding[]> {
  try {
    await access(where, constants.R_OK)
    if ((await stat(where)).isFile()) return []
    throw Object.assign(new Error(), { code: 'EISDIR' })
  } catch (error) {
    const remedy = 'Give the path of the file, relative to the configuration file.'
    return [{ level: 'error', key, where, what: `cannot be read: ${inWords(error)}`, remedy }]
  }
}

const GROUP_OR_OTHERS_WRITE = 0o022

async function checkModule(key: string, where: string): Promise<Finding[]> {
  const findings = await checkFile(key, where)
  if (findings.length > 0 || ((await stat(where)).mode & GROUP_OR_OTHERS_WRITE) === 0) return findings
  // it sees all mail, and is not loaded where others could have put something else there
  const what = 'can be written by others than its owner, and is not loaded therefore'
  return [{ level: 'error', key, where, what, remedy: `chmod go-w ${where}` }]
}

interface Place {
  readonly key: string
  /** Null: every address. */
  readonly host: string | null
  readonly port: number
}

/**
 * Whether each address can be listened on. Where a daemon answers on the admin socket, a port that
 * is taken is taken by it, and says nothing.
 */
export async function checkAddresses(config: Config): Promise<Finding[]> {
  const places: Place[] = config.listeners.map(({ address, port }, i) => ({
    key: `listeners[${i}]`,
    host: address,
    port,
  }))
  for (const [i, place] of (config.publish.mtaSts?.listen ?? []).entries())
    places.push({ key: `publish.mtaSts.listen[${i}]`, ...place })
  if (config.metrics.listen !== null) places.push({ key: 'metrics.listen', ...config.metrics.listen })
  const running = await answers(config.admin.socket)
  const findings: Finding[] = []
  // one after the other: two listeners on one port must not find each other
  for (const place of places) {
    const error = await tryToListen(place)
    if (error !== null && !(running && error.code === 'EADDRINUSE')) findings.push(unusable(place, error))
  }
  return findings
}

function tryToListen({ host, port }: Place): Promise<NodeJS.ErrnoException | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', resolve)
    const done = () => server.close(() => resolve(null))
    if (host === null) server.listen(port, done)
    else server.listen(port, host, done)
  })
}

function unusable({ key, host, port }: Place, error: NodeJS.ErrnoException): Finding {
  const where = host === null ? `port ${port}` : formatHostPort({ host, port })
  const known = LISTEN_WORDS[error.code ?? '']
  const [what, remedy] = known ?? [`cannot be listened on: ${error.message}`, 'Choose another address or port.']
  return { level: 'error', key, where, what, remedy }
}

const LISTEN_WORDS: Readonly<Record<string, readonly [what: string, remedy: string]>> = {
  EADDRINUSE: ['another program listens there', 'Find it with `ss -ltnp` and stop it, or choose another port.'],
  EACCES: [
    'this user may not listen there',
    'Ports below 1024 need the capability CAP_NET_BIND_SERVICE, which the systemd unit gives.',
  ],
  EADDRNOTAVAIL: ['this machine has no such address', 'Give an address of this machine (`ip address`), or *.'],
  ENOTFOUND: ['no such host', 'Give an IP address.'],
}

function answers(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket)
    const end = (answer: boolean) => {
      connection.destroy()
      resolve(answer)
    }
    connection.once('connect', () => end(true))
    connection.once('error', () => end(false))
  })
}
