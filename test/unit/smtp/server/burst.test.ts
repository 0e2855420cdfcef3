import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { Worker } from 'node:worker_threads'
import { startWire } from './support.ts'

const CLIENTS = 2000
const SOMAXCONN = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'))
const PATIENCE_MS = 10_000

// A thread of its own: clients go on while the server's does not. It says how many are connected then, and how many
// of them are greeted after it
const CROWD = `
  const { parentPort, workerData: { port, clients, patienceMs, connected } } = require('node:worker_threads')
  const { connect } = require('node:net')
  const counter = (tell) => {
    let [count, done] = [0, false]
    const end = () => { if (!done) { done = true; clearTimeout(late); tell(count) } }
    const late = setTimeout(end, patienceMs)
    return () => { if (++count === clients) end() }
  }
  const there = counter((count) => { Atomics.store(connected, 0, count + 1); Atomics.notify(connected, 0) })
  const greeted = counter((count) => {
    parentPort.postMessage(count)
    for (const each of sockets) each.destroy()
  })
  const greets = (text) => String(text).startsWith('220') && greeted()
  const join = () => connect({ port, host: '127.0.0.1' }).on('error', () => {}).once('connect', there).once('data', greets)
  const sockets = Array.from({ length: clients }, join)
`

test('Everybody of a crowd that connects while the server is busy is let in, and greeted', async (t) => {
  if (SOMAXCONN < CLIENTS) return t.skip(`the system holds no more than ${SOMAXCONN} connections`)
  const { port } = await startWire(t)
  const connected = new Int32Array(new SharedArrayBuffer(4))
  const workerData = { port, clients: CLIENTS, patienceMs: PATIENCE_MS, connected }
  const crowd = new Worker(CROWD, { eval: true, workerData })
  t.after(() => crowd.terminate())
  const greeted = new Promise<number>((resolve, reject) => crowd.once('message', resolve).once('error', reject))
  // Nothing of the server runs in this time
  Atomics.wait(connected, 0, 0, 2 * PATIENCE_MS)
  assert.equal(await greeted, CLIENTS)
})
