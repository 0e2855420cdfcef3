import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePort } from './ports.ts'
import { postern } from './postern.ts'

/** Where everything of one run lies and listens. */
export interface Setup {
  readonly folder: string
  readonly config: string
  readonly state: string
  readonly received: string
  /** PEM text. */
  readonly certificate: string
  readonly ports: {
    readonly starttls: number
    readonly implicit: number
    readonly nextHop: number
    readonly metrics: number
  }
}

const MARK = 'quickstart.json'
const CONFIG = 'postern.yaml'
const CERTIFICATE = 'certificate.pem'

/** Empties a folder that an earlier run made, and makes it anew. Throws for a folder that holds anything else. */
export function makeFolder(folder: string): void {
  const foreign = existsSync(folder) && readdirSync(folder).length > 0 && !existsSync(join(folder, MARK))
  if (foreign) throw new Error(`${folder} was not made by the quickstart: name another folder with --state`)
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, MARK), '')
}

/** The places of a run, with a certificate made and nothing started. `inspect`: the chain of plugins. */
export async function setUp(folder: string, inspect: readonly object[] = []): Promise<Setup> {
  const ports = {
    starttls: await freePort(2525),
    implicit: await freePort(2465),
    nextHop: await freePort(2626),
    metrics: await freePort(9825),
  }
  const files = { certificate: join(folder, CERTIFICATE), key: join(folder, 'key.pem') }
  await postern('tls', 'self-signed', 'localhost', '--cert', files.certificate, '--key', files.key)
  const config = join(folder, CONFIG)
  writeFileSync(config, `# Made by scripts/quickstart\n${stringify({ ...configuration(ports, files), inspect })}`)
  writeFileSync(join(folder, MARK), JSON.stringify(ports))
  return placed(folder, ports)
}

/** The places of an earlier run. Throws where there was none. */
export function findSetup(folder: string): Setup {
  const mark = join(folder, MARK)
  if (!existsSync(mark)) throw new Error(`nothing was set up in ${folder}: run scripts/quickstart first`)
  return placed(folder, JSON.parse(readFileSync(mark, 'utf8')))
}

const placed = (folder: string, ports: Setup['ports']): Setup => ({
  folder,
  config: join(folder, CONFIG),
  state: join(folder, 'state'),
  received: join(folder, 'received'),
  certificate: readFileSync(join(folder, CERTIFICATE), 'utf8'),
  ports,
})

const configuration = (ports: Setup['ports'], tls: { certificate: string; key: string }) => ({
  hostname: 'relay.example.test',
  listeners: [
    { address: '127.0.0.1', port: ports.starttls, tls: 'starttls' },
    { address: '127.0.0.1', port: ports.implicit, tls: 'implicit' },
  ],
  tls,
  clients: [{ name: 'quickstart', networks: ['127.0.0.0/8'], tls: 'required', senders: ['@trust.example.test'] }],
  routes: { default: { hosts: [`127.0.0.1:${ports.nextHop}`] } },
  metrics: { listen: `127.0.0.1:${ports.metrics}` },
})
