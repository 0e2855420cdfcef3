import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { systemClock } from '../../../src/clock.ts'
import { createResolver } from '../../../src/net/dns-resolver.ts'
import { type Fault, type FaultProxy, type FaultProxyOptions, startFaultProxy } from '../../support/fault-proxy.ts'
import { startUdpFaultProxy } from '../../support/fault-proxy-udp.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { startNameServer } from '../../support/name-server.ts'
import { defer } from '../../support/scope.ts'
import { waitFor } from '../../support/wait.ts'

const HELLO = 'hello, whoever you are'

/** Says back what it hears; what it was told is kept. */
async function startEcho(t: TestContext): Promise<{ port: number; heard: () => string; sockets: Socket[] }> {
  const sockets: Socket[] = []
  let heard = ''
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1')
      socket.write(chunk)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(t, () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as AddressInfo).port, heard: () => heard, sockets }
}

interface Talk {
  readonly socket: Socket
  readonly got: () => string
  readonly pieces: () => number
  /** The code of an error, `end`, or null while it stands. */
  readonly ended: () => string | null
}

function talk(t: TestContext, proxy: FaultProxy, path?: string): Talk {
  const socket = path === undefined ? connect({ port: proxy.port, host: '127.0.0.1' }) : connect({ path })
  let got = ''
  let pieces = 0
  let ended: string | null = null
  socket.setNoDelay(true)
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1')
    pieces++
  })
  socket.on('error', (error: NodeJS.ErrnoException) => (ended = error.code ?? 'error'))
  socket.on('end', () => (ended ??= 'end'))
  defer(t, () => socket.destroy())
  socket.write(HELLO)
  return { socket, got: () => got, pieces: () => pieces, ended: () => ended }
}

const fault = (kind: Fault['kind'], direction: Fault['direction'], afterBytes: number): Fault => ({
  kind,
  direction,
  afterBytes,
  delayMs: 150,
})

async function through(t: TestContext, plan: Fault | null, more: Partial<FaultProxyOptions> = {}) {
  const echo = await startEcho(t)
  const to = { host: '127.0.0.1', port: echo.port }
  const proxy = await startFaultProxy(t, { to, plan: () => plan, tested: 'near', random: () => 0.5, ...more })
  return { echo, proxy, ...talk(t, proxy, more.path) }
}

test('without a fault everything goes through, also over a Unix socket, and the end too', async (t) => {
  const path = join(temporaryFolder(t), 'proxy.sock')
  const { got, socket, proxy, ended } = await through(t, null, { path })
  await waitFor(() => got() === HELLO, { what: 'the echo' })
  socket.end()
  await waitFor(() => ended() === 'end' && proxy.open === 0, { what: 'the end' })
  assert.equal(proxy.tally.faults.size, 0)
})

test('a connection is reset, or closed, at the very byte that was said', async (t) => {
  for (const [kind, end] of [
    ['reset', 'ECONNRESET'],
    ['close', 'end'],
  ] as const) {
    const { echo, ended, proxy } = await through(t, fault(kind, 'up', 5))
    await waitFor(() => ended() !== null, { what: 'the end' })
    assert.equal(ended(), end)
    assert.ok(['', HELLO.slice(0, 5)].includes(echo.heard()))
    assert.equal(proxy.tally.faults.get(kind), 1)
  }
})

test('drips and pieces change nothing but the pace', async (t) => {
  for (const kind of ['drip', 'split', 'delay'] as const) {
    const { got } = await through(t, fault(kind, 'up', 3))
    await waitFor(() => got() === HELLO, { what: `the echo after ${kind}` })
  }
})

test('garbage comes in between, and its answer does not come back', async (t) => {
  const { echo, got } = await through(t, fault('garbage', 'up', 5))
  await waitFor(() => echo.heard().length > HELLO.length, { what: 'garbage' })
  assert.ok(echo.heard().startsWith(HELLO.slice(0, 5)))
  assert.match(echo.heard().slice(5, 6), /[\x80-\xff]/)
  assert.ok(got().length <= 5)
})

test('who keeps a dead connection is found out, and who gives it up is not', async (t) => {
  for (const kind of ['mute', 'half-open'] as const) {
    const kept = await through(t, fault(kind, 'down', 5), { holdMs: 300 })
    await waitFor(() => kept.proxy.tally.connections === 1 && kept.proxy.open === 0, {
      what: 'the time that is allowed',
    })
    assert.deepEqual(kept.proxy.tally.overdue, [`${kind} down 5`])
    assert.equal(kept.got(), HELLO.slice(0, 5))
    const left = await through(t, fault(kind, 'down', 5), { holdMs: 300 })
    await waitFor(() => left.got() === HELLO.slice(0, 5), { what: 'the fault' })
    left.socket.destroy()
    await waitFor(() => left.proxy.open === 0, { what: 'the end' })
    assert.deepEqual(left.proxy.tally.overdue, [])
  }
})

test('a server that is left half-open and closes in time is not overdue', async (t) => {
  const { echo, proxy } = await through(t, fault('half-open', 'up', 5), { holdMs: 400, tested: 'far' })
  await waitFor(() => echo.heard().length === 5, { what: 'the fault' })
  for (const socket of echo.sockets) socket.end()
  await waitFor(() => proxy.tally.connections === 1 && proxy.open === 0, { what: 'the time that is allowed' })
  assert.deepEqual(proxy.tally.overdue, [])
})

test('whatever is wrong with an answer of the DNS, it is a failure or the answer, never "none"', async (t) => {
  const names = await startNameServer(t, { 'there.test': { mx: [[10, 'mx.there.test']], a: ['127.0.0.1'] } })
  const to = Number(names.server.split(':')[1])
  for (const validating of [false, true])
    for (const kind of [
      'silence',
      'late',
      'garbage',
      'foreign',
      'servfail',
      'refused',
      'truncated',
      'twice',
    ] as const) {
      const proxy = await startUdpFaultProxy(t, { to, plan: () => kind, lateMs: 300 })
      const servers = [`127.0.0.1:${proxy.port}`]
      // Only what is answered has time: everything else waits for as long
      const patience = kind === 'twice' ? 50 : 1
      const times = { timeoutMs: 100 * patience, tries: 1, deadlineMs: 500 * patience }
      const resolver = createResolver({ servers, validating, ...times }, systemClock)
      const { is } = await resolver.resolveMx('there.test')
      assert.equal(is, kind === 'twice' ? 'found' : 'failed', `${kind}, validating ${validating}`)
      // On a busy machine the resolver may give up before the answer that is spoilt has come
      await waitFor(() => proxy.faults.get(kind) !== undefined, { what: `the fault: ${kind}` })
    }
})

test('an answer of the DNS that is cut anywhere is a failure, never "none"', async (t) => {
  const names = await startNameServer(t, { 'there.test': { mx: [[10, 'mx.there.test']], txt: ['v=test'] } })
  const to = Number(names.server.split(':')[1])
  for (const validating of [false, true])
    for (let step = 0; step < 20; step++) {
      const proxy = await startUdpFaultProxy(t, { to, plan: () => 'cut', random: () => step / 20 })
      const servers = [`127.0.0.1:${proxy.port}`]
      const resolver = createResolver({ servers, validating, timeoutMs: 50, tries: 1, deadlineMs: 300 }, systemClock)
      const { is } = await resolver.resolveMx('there.test')
      assert.equal(is, 'failed', `cut at ${step} of 20, validating ${validating}`)
    }
})
