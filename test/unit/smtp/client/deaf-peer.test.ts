import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { silentLog } from '../../../../src/log.ts'
import { memoryContent } from '../../../../src/mail/content.ts'
import { type ClientTarget, openSession } from '../../../../src/smtp/client/index.ts'
import { defer, type Scope } from '../../../support/scope.ts'
import { waitFor } from '../../../support/wait.ts'
import { BRIEF_MS, envelopeTo, timeouts } from './setup.ts'

/** A server that answers as if it had read, and reads nothing. */
async function startDeaf(
  scope: Scope,
): Promise<{ port: number; sockets: readonly Socket[]; say: (text: string) => void }> {
  const sockets: Socket[] = []
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    socket.write('220 deaf.test\r\n')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  defer(scope, () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const say = (text: string) => void sockets[0]?.write(text)
  return { port: (server.address() as AddressInfo).port, sockets, say }
}

/** Both sides live in this process, and loopback hands on at once: a few turns later what was written has been heard. */
async function heard(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate()
}

/** More than the buffers of the system take on loopback. */
const MESSAGES = 60
const LARGE = Buffer.from(`Subject: large\r\n\r\n${`${'x'.repeat(998)}\r\n`.repeat(255)}`)

test('a peer that confirms everything and reads nothing is let go after QUIT', { timeout: 60_000 }, async (t) => {
  const deaf = await startDeaf(t)
  const target: ClientTarget = {
    ...{ host: 'deaf.test', address: '127.0.0.1', port: deaf.port, protocol: 'smtp' },
    ...{ login: null, helo: 'relay.test', localAddress: null, tls: { mode: 'none' } },
    timeouts: timeouts({ quit: BRIEF_MS }),
  }
  const opening = openSession(target, { log: silentLog })
  await waitFor(() => deaf.sockets.length, { what: 'the connection' })
  await heard()
  deaf.say('250-deaf.test\r\n250 PIPELINING\r\n')
  const opened = await opening
  assert.ok(opened.ok)
  const { session } = opened
  defer(t, () => session.destroy())
  for (let i = 0; i < MESSAGES; i++) {
    const sent = session.send(envelopeTo(['b@next.test']), memoryContent(LARGE))
    deaf.say('250 ok\r\n250 ok\r\n354 go on\r\n')
    await heard()
    deaf.say('250 taken\r\n')
    assert.equal((await sent).recipients[0]?.is, 'relayed')
  }
  const left = session.quit()
  deaf.say('221 bye\r\n')
  await left
})
