import type { Certificate } from './certs.ts'
import type { DaemonConfig } from './daemon.ts'

export interface RelayOptions {
  readonly port: number
  /** Port on 127.0.0.1 where everything goes. */
  readonly nextHop: number
  /** Offer STARTTLS with it. */
  readonly certificate?: Certificate
  /** Of the client that 127.0.0.1 is. */
  readonly clientTls?: 'required' | 'optional'
  /** Keys that take the place of those made here. */
  readonly more?: Readonly<Record<string, unknown>>
}

/** A relay on 127.0.0.1 that takes mail from this machine for anywhere, always tries again after a second, and hands all to one next hop. */
export function relayConfig({ port, nextHop, certificate, clientTls, more = {} }: RelayOptions): DaemonConfig {
  const tls = certificate ? { tls: { certificate: certificate.certFile, key: certificate.keyFile } } : {}
  return {
    hostname: 'postern.test',
    listeners: [{ address: '127.0.0.1', port, tls: certificate ? 'starttls' : 'none' }],
    ...tls,
    clients: [{ name: 'tests', networks: ['127.0.0.0/8'], tls: clientTls ?? 'optional', senders: ['*'] }],
    routes: { default: { hosts: [`127.0.0.1:${nextHop}`] } },
    queue: { schedule: ['1s'], backOff: ['1s'], jitter: '0%' },
    metrics: { listen: 'off' },
    ...more,
  }
}
