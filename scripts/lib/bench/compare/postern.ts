import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { stringify } from 'yaml'
import { run } from '../../../../test/support/process.ts'
import type { Mta, Place } from './mta.ts'

const PROGRAM = resolve('scripts/postern')

export const postern: Mta = {
  name: 'Postern',
  durability:
    'as it comes: the spool, which holds the message and its record until the ledger has that, is synced before the 250',

  async version() {
    return (await run(PROGRAM, ['--version'])).stdout.trim()
  },

  async start(place) {
    const config = join(place.folder, 'postern.yaml')
    writeFileSync(config, stringify(configOf(place)))
    await place.group.start(PROGRAM, ['serve', '--config', config, '--state', join(place.folder, 'state')])
  },
}

/** config/bench.yaml, with a certificate: the clear loads do not use it. */
const configOf = ({ port, sink, certificate }: Place) => ({
  hostname: 'relay.test',
  listeners: [{ address: '127.0.0.1', port, tls: 'starttls' }],
  tls: { certificate: certificate.certFile, key: certificate.keyFile },
  clients: [{ name: 'loopback', networks: ['127.0.0.0/8'], tls: 'optional', senders: ['*'] }],
  routes: { default: { hosts: [`127.0.0.1:${sink}`], tls: 'none' } },
  limits: { connections: { total: 20_000 } },
  log: { level: 'warn' },
  metrics: { listen: 'off' },
})
