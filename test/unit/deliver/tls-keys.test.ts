import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSecureContext } from 'node:tls'
import { TlsKeys } from '../../../src/deliver/tls-keys.ts'

const required = (options: object) => ({ mode: 'required', verify: true, options }) as const

describe('demands on TLS', () => {
  it('are the same if their content is the same', () => {
    const keys = new TlsKeys()
    assert.equal(
      keys.of(required({ minVersion: 'TLSv1.2', ca: 'x' })),
      keys.of(required({ ca: 'x', minVersion: 'TLSv1.2' })),
    )
    assert.equal(keys.of(required({ ca: Buffer.from('x') })), keys.of(required({ ca: Buffer.from('x') })))
    assert.equal(keys.of(required({})), keys.of(required({})))
  })

  it('differ by mode, by verification and by content', () => {
    const keys = new TlsKeys()
    const all = [
      required({}),
      { ...required({}), verify: false },
      { ...required({}), mode: 'implicit' as const },
      required({ ca: 'x' }),
      required({ ca: 'y' }),
      required({ ca: Buffer.from('x') }),
      required({ secureContext: createSecureContext() }),
      required({ secureContext: createSecureContext() }),
    ]
    assert.equal(new Set(all.map((tls) => keys.of(tls))).size, all.length)
  })

  it('never show what they hold', () => {
    const key = new TlsKeys().of(required({ key: 'PRIVATE', passphrase: 'hunter2' }))
    assert.doesNotMatch(key, /PRIVATE|hunter2/)
  })
})
