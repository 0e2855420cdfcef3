import assert from 'node:assert/strict'
import type { NetworkInterfaceInfo } from 'node:os'
import { describe, it } from 'node:test'
import { ownAddresses } from '../../../src/daemon/own-addresses.ts'

const at = (address: string) => ({ address }) as NetworkInterfaceInfo
const interfaces = { lo: [at('127.0.0.1'), at('::1')], eth0: [at('192.0.2.1'), at('2001:db8::1')], down: undefined }

describe('the addresses under which a relay would reach itself', () => {
  it('are those of every interface where it listens on all of them', () => {
    const found = ownAddresses([{ address: '::', port: 25 }], interfaces)
    assert.deepEqual(
      found.map(({ address }) => address),
      ['127.0.0.1', '::1', '192.0.2.1', '2001:db8::1'],
    )
    assert.ok(found.every(({ port }) => port === 25))
  })

  it('are those of IPv4 alone where it listens on IPv4 alone', () => {
    assert.deepEqual(ownAddresses([{ address: '0.0.0.0', port: 25 }], interfaces), [
      { address: '127.0.0.1', port: 25 },
      { address: '192.0.2.1', port: 25 },
    ])
  })

  it('are the one that was named', () => {
    assert.deepEqual(ownAddresses([{ address: '192.0.2.1', port: 2525 }], interfaces), [
      { address: '192.0.2.1', port: 2525 },
    ])
  })
})
