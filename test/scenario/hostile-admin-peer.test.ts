import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { needRoot } from '../support/components.ts'
import { relayConfig } from '../support/config.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { mail } from '../support/eml.ts'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { startSink } from '../support/sink.ts'
import { submit } from '../support/submit.ts'
import { waitFor } from '../support/wait.ts'

// Who may open the admin socket may act on the queue; but a program among them that is broken or bought must neither
// stop mail, nor lock the operator out, nor reach what is not offered.

async function relay(t: TestContext): Promise<{ daemon: Daemon; port: number; path: string }> {
  const sink = await startSink(t)
  const port = await freePort()
  const daemon = await startDaemon(t, relayConfig({ port, nextHop: sink.port }))
  return { daemon, port, path: join(daemon.stateDir, 'admin.sock') }
}

/** Sends that and gives what came back until the end, or until `ms` have passed. */
function say(path: string, bytes: string | Buffer, ms = 3000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ path })
    let text = ''
    const done = () => {
      clearTimeout(timer)
      socket.destroy()
      resolve(text)
    }
    const timer = setTimeout(done, ms)
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.on('error', done)
    socket.on('close', done)
    socket.end(bytes)
  })
}

const statuses = (text: string): number[] => [...text.matchAll(/HTTP\/1\.1 (\d{3})/g)].map(([, code]) => Number(code))

const HOSTILE: readonly (readonly [string, string])[] = [
  ['a path that climbs', 'GET /v1/queue/../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a path that climbs, encoded', 'GET /v1/queue/%2e%2e%2f%2e%2e%2fetc%2fpasswd HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a path with NUL', 'GET /v1/queue/038TVJCJ000%00 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['broken encoding', 'GET /v1/queue/%ff%fe%zz HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['another host in full', 'GET http://169.254.169.254/latest HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['CONNECT', 'CONNECT 127.0.0.1:25 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['a very long path', `GET /v1/${'x'.repeat(200_000)} HTTP/1.1\r\nHost: x\r\n\r\n`],
  ['many fields', `GET /v1/status HTTP/1.1\r\nHost: x\r\n${'X-A: b\r\n'.repeat(20_000)}\r\n`],
  ['two lengths', 'POST /v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 20\r\n\r\n{}'],
  [
    'a length and chunks',
    'POST /v1/actions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
  ],
  [
    'a length beyond all',
    `POST /v1/actions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{`,
  ],
  ['a cursor of nonsense', 'GET /v1/queue?cursor=%27%20OR%201%3D1%20--%20 HTTP/1.1\r\nHost: x\r\n\r\n'],
  ['no HTTP', 'EHLO x\r\nMAIL FROM:<a@x.test>\r\n'],
  ['no text', '\x16\x03\x01\0\0\0\xff'.repeat(100)],
]

test('requests that are none of the API are refused, and nothing fails inside', async (t) => {
  const { daemon, path } = await relay(t)
  for (const [what, request] of HOSTILE) {
    const [status = 400] = statuses(await say(path, Buffer.from(request, 'latin1')))
    assert.ok(status >= 400 && status < 500, `${what}: ${status}`)
  }
  const filter = (text: string) =>
    `POST /v1/queue/actions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  for (const body of ['{"__proto__":{"all":true}}', deep, `{"by":"${'x'.repeat(300_000)}"}`, '{"all":true', 'null']) {
    const [status = 0] = statuses(await say(path, filter(body)))
    assert.ok(status >= 400 && status < 500, `${body.slice(0, 40)}: ${status}`)
  }
  assert.equal((await daemon.status()).phase, 'running')
  assert.deepEqual(
    daemon.logLines.filter(({ level }) => level === 'error'),
    [],
  )
})

test('a thousand silent connections keep neither mail nor, for long, the operator out', async (t) => {
  const { daemon, port, path } = await relay(t)
  const sockets: Socket[] = []
  t.after(() => sockets.forEach((socket) => void socket.destroy()))
  for (let n = 0; n < 1000; n++) {
    const socket = connect({ path })
    socket.on('error', () => {})
    sockets.push(socket)
  }
  // A byte of a request that never ends, on each that was let in
  for (const socket of sockets) socket.write('G')
  assert.match(await submit({ port, bytes: mail().bytes }), /^250 /)
  const status = () => daemon.status().catch(() => null)
  await waitFor(status, { what: 'the operator to be let in', timeoutMs: 25_000, everyMs: 200 })
  assert.ok(daemon.alive)
})

test('another user of the machine cannot open the socket', async (t) => {
  if (!needRoot(t)) return
  const { path } = await relay(t)
  const script = `require('net').connect({path: process.argv[1]}).on('connect', () => process.exit(0)).on('error', (e) => {console.log(e.code); process.exit(7)})`
  const { code, stdout } = await run('/usr/bin/env', ['node', '--eval', script, path], {
    uid: 65_534,
    gid: 65_534,
    cwd: '/',
  })
  assert.equal(code, 7)
  assert.match(stdout, /EACCES/)
})
