import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { reply } from '../../../../src/mail/reply.ts'
import type { Scope } from '../../../support/scope.ts'
import { type Client, greeted, relayTls, startWire, type Wire } from './support.ts'

const base64 = (text: string): string => Buffer.from(text).toString('base64')

/** A client in TLS, said EHLO, and what names and passwords were tried. */
async function start(scope: Scope): Promise<Wire & { client: Client; tried: string[]; offer: string }> {
  const tried: string[] = []
  const auth = async (_: unknown, name: string, password: string) => {
    tried.push(`${name} ${password}`)
    return password === 'right' ? reply(235, '2.7.0', 'Welcome') : reply(535, '5.7.8', 'No')
  }
  const wire = await startWire(scope, { tls: relayTls(scope).tls, handler: { auth } })
  const client = await greeted(scope, wire.port, 'EHLO client.test', 'STARTTLS')
  await client.secure()
  const offer = await client.ask('EHLO client.test')
  return { ...wire, client, tried, offer }
}

describe('AUTH', () => {
  it('is not offered and not possible in clear', async (t) => {
    const { port, tls } = {
      ...(await startWire(t, { tls: relayTls(t).tls, handler: { auth: async () => reply(235, '2.7.0', 'x') } })),
      tls: 0,
    }
    const client = await greeted(t, port)
    assert.doesNotMatch(await client.ask('EHLO client.test'), /AUTH/)
    assert.equal(await client.ask(`AUTH PLAIN ${base64('\0a\0right')}`), '538 5.7.11 Start TLS before signing in')
    assert.equal(tls, 0)
  })

  it('PLAIN with an initial response signs in, once', async (t) => {
    const { client, tried, sessions, offer } = await start(t)
    assert.match(offer, /\|250 AUTH PLAIN LOGIN$/)
    assert.equal(await client.ask(`AUTH PLAIN ${base64('\0ann@relay.test\0right')}`), '235 2.7.0 Welcome')
    assert.equal(sessions[0]?.user, 'ann@relay.test')
    assert.deepEqual(tried, ['ann@relay.test right'])
    assert.match(await client.ask(`AUTH PLAIN ${base64('\0a\0right')}`), /^503 /)
    assert.doesNotMatch(await client.ask('EHLO client.test'), /AUTH/)
  })

  it('PLAIN without an initial response asks for it', async (t) => {
    const { client, tried } = await start(t)
    assert.equal(await client.ask('AUTH plain'), '334')
    assert.equal(await client.ask(base64('ann\0ann\0p\u00e4ss word')), '535 5.7.8 No')
    assert.deepEqual(tried, ['ann p\u00e4ss word'])
  })

  it('LOGIN asks for name and password', async (t) => {
    const { client, sessions } = await start(t)
    assert.equal(await client.ask('AUTH LOGIN'), `334 ${base64('Username:')}`)
    assert.equal(await client.ask(base64('ann')), `334 ${base64('Password:')}`)
    assert.equal(await client.ask(base64('right')), '235 2.7.0 Welcome')
    assert.equal(sessions[0]?.user, 'ann')
  })

  it('LOGIN takes the name with the command', async (t) => {
    const { client } = await start(t)
    assert.equal(await client.ask(`AUTH LOGIN ${base64('ann')}`), `334 ${base64('Password:')}`)
    assert.equal(await client.ask(base64('right')), '235 2.7.0 Welcome')
  })

  const malformed: readonly (readonly [string, string])[] = [
    ['no base64', '*a'],
    ['base64 with junk in it', `${base64('\0ann\0right')}!`],
    ['base64 without its padding', 'AGEAYg='],
    ['too few parts', base64('ann\0right')],
    ['too many parts', base64('\0ann\0right\0')],
    ['no name', base64('\0\0right')],
    ['a control character in the name', base64('\0an\nn\0right')],
    ['a name to act for that is another', base64('root\0ann\0right')],
    ['an empty response', '='],
    ['more than one response', `${base64('\0ann\0right')} x`],
    ['bytes that are not UTF-8', Buffer.from('\0\xff\0right', 'latin1').toString('base64')],
  ]
  for (const [name, response] of malformed) {
    it(`is refused with ${name}`, async (t) => {
      const { client, tried } = await start(t)
      assert.equal(await client.ask(`AUTH PLAIN ${response}`), '501 5.5.2 Malformed response')
      assert.deepEqual(tried, [])
      assert.equal(await client.ask('NOOP'), '250 2.0.0 OK')
    })
  }

  it('can be cancelled at each step', async (t) => {
    const { client, tried } = await start(t)
    for (const steps of [['AUTH PLAIN'], ['AUTH LOGIN'], ['AUTH LOGIN', base64('ann')]]) {
      await client.say(...steps)
      assert.equal(await client.ask('*'), '501 5.7.0 Cancelled')
    }
    assert.deepEqual(tried, [])
    assert.equal(await client.ask('NOOP'), '250 2.0.0 OK')
  })

  it('reads no command as a response after a line that cannot be read', async (t) => {
    const { client, tried } = await start(t)
    await client.ask('AUTH LOGIN')
    assert.match(await client.ask('\x01'), /^500 /)
    assert.equal(await client.ask('NOOP'), '250 2.0.0 OK')
    assert.deepEqual(tried, [])
  })

  it('is refused in a transaction, and with a mechanism that is not offered', async (t) => {
    const { client } = await start(t)
    assert.match(await client.ask('AUTH CRAM-MD5'), /^504 5\.5\.4 /)
    assert.match(await client.ask('AUTH'), /^504 5\.5\.4 /)
    assert.match(await client.ask('AUTH constructor'), /^504 5\.5\.4 /)
    await client.ask('MAIL FROM:<>')
    assert.match(await client.ask('AUTH LOGIN'), /^503 /)
  })

  it('counts failures as errors', async (t) => {
    const { client } = await start(t)
    let last = ''
    for (let i = 0; i < 20; i++) last = await client.ask(`AUTH PLAIN ${base64('\0ann\0wrong')}`)
    assert.match(last, /^535 /)
    assert.equal(await client.reply(), '421 4.7.0 Too many errors')
  })
})
