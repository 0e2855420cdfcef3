import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseProxyHeader } from '../../../../src/smtp/server/proxy-header.ts'
import { dial, startWire } from './support.ts'

test('a header names who connects, in either family', () => {
  const named = (line: string) => parseProxyHeader(`${line}\r\n`)
  assert.deepEqual(named('PROXY TCP4 192.0.2.7 192.0.2.1 56324 25'), { remoteAddress: '192.0.2.7', remotePort: 56324 })
  assert.deepEqual(named('PROXY TCP6 2001:DB8::7 ::1 1 25'), { remoteAddress: '2001:db8::7', remotePort: 1 })
})

test('an address behind UNKNOWN counts for nothing', () => {
  for (const more of ['', ' ', ' 192.0.2.7 192.0.2.1 56324 25', ' TCP4 192.0.2.7'])
    assert.deepEqual(parseProxyHeader(`PROXY UNKNOWN${more}\r\n`), { remoteAddress: '', remotePort: 0 })
})

test('what is not written as it must be is no header', () => {
  const sound = 'PROXY TCP4 192.0.2.7 192.0.2.1 56324 25\r\n'
  for (const line of [
    sound.replace('\r\n', '\n'),
    sound.replace('PROXY', 'proxy'),
    sound.replace('TCP4', 'TCP6'),
    sound.replace('TCP4', 'UDP4'),
    sound.replace('192.0.2.7', '::1'),
    sound.replace('192.0.2.1', 'relay.test'),
    sound.replace('56324', '65536'),
    sound.replace('56324', '-1'),
    sound.replace('56324', '007'),
    sound.replace(' 25', ''),
    sound.replace(' 25', ' 25 26'),
    sound.replace('TCP4 ', 'TCP4  '),
    'PROXY TCP6 fe80::1%eth0 ::1 1 25\r\n',
    'PROXY UNKNOWNTCP4 192.0.2.7\r\n',
    'PROXY\r\n',
    '\r\n',
  ])
    assert.equal(parseProxyHeader(line), null, JSON.stringify(line))
})

test('a header may come in pieces, and the session begins behind it', async (t) => {
  const { port, sessions } = await startWire(t, { proxies: ['127.0.0.1'] })
  const client = dial(t, port)
  for (const piece of ['PRO', 'XY TCP4 192.0.2.7 192.0.2.1 563', '24 25\r', '\n']) {
    client.send(piece)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  assert.match(await client.reply(), /^220 /)
  assert.match(await client.ask('EHLO client.test'), /^250/)
  assert.deepEqual(
    sessions.map(({ remoteAddress, remotePort }) => [remoteAddress, remotePort]),
    [['192.0.2.7', 56324]],
  )
})

test('a line longer than a header ends the connection', async (t) => {
  const { port, sessions } = await startWire(t, { proxies: ['127.0.0.1'] })
  const whole = (length: number) => `${'PROXY UNKNOWN '.padEnd(length - 2, 'x')}\r\n`
  const fits = dial(t, port)
  fits.send(whole(107))
  assert.match(await fits.reply(), /^220 /)
  const over = dial(t, port)
  over.send(whole(108))
  assert.equal(await over.closed(), '')
  assert.equal(sessions.length, 1)
})
