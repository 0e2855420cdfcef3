import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectTls } from 'node:tls'
import { makeCertificate } from '../../test/support/certs.ts'
import { relayConfig } from '../../test/support/config.ts'
import { startDaemon } from '../../test/support/daemon.ts'
import { temporaryFolder } from '../../test/support/folder.ts'
import { freePorts } from '../../test/support/ports.ts'
import { defer } from '../../test/support/scope.ts'
import { memoryOf } from '../lib/bench/memory.ts'
import type { Bench, Row } from '../lib/bench/part.ts'

/** Connections that have said EHLO and then say nothing. */
const CONNECTIONS = 5000
/** Handshakes at once, so that the listener's backlog is not what is measured. */
const AT_ONCE = 100
const SETTLE_MS = 3000

export async function bench(bench: Bench): Promise<Row[]> {
  const count = bench.quick ? CONNECTIONS / 10 : CONNECTIONS
  const certificate = makeCertificate(temporaryFolder(bench), 'idle', ['postern.test'])
  const rows: Row[] = []
  for (const tls of [false, true]) {
    const [port = 0] = await freePorts(1)
    const config = relayConfig({ port, nextHop: 9, certificate })
    const listeners = [{ address: '127.0.0.1', port, tls: tls ? 'implicit' : 'starttls' }]
    const daemon = await startDaemon(bench, { ...config, listeners })
    const before = memoryOf(daemon.pid).nowMiB
    await open(bench, count, () =>
      tls ? connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false }) : connect(port, '127.0.0.1'),
    )
    await sleep(SETTLE_MS)
    const { nowMiB } = memoryOf(daemon.pid)
    const name = `${count} idle connections${tls ? ' in TLS' : ''}`
    rows.push({ name: `${name}: memory`, value: nowMiB, unit: 'MiB', ...(tls ? {} : { goal: { atMost: 300 } }) })
    rows.push({ name: `${name}: each`, value: ((nowMiB - before) * 1024) / count, unit: 'KiB' })
    await daemon.stop()
  }
  return rows
}

async function open(bench: Bench, count: number, dial: () => Socket): Promise<void> {
  for (let opened = 0; opened < count; opened += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - opened) }, () => greet(bench, dial())))
  }
}

async function greet(bench: Bench, socket: Socket): Promise<void> {
  defer(bench, () => socket.destroy())
  socket.on('error', () => {})
  await expect(socket, '220')
  socket.write('EHLO idle.test\r\n')
  await expect(socket, '250')
}

async function expect(socket: Socket, code: string): Promise<void> {
  const [chunk] = await once(socket, 'data')
  if (!String(chunk).startsWith(code)) throw new Error(`expected ${code}, got ${chunk}`)
}
