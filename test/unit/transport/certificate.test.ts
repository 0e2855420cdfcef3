import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { publicKeyInfo } from '../../../src/transport/certificate.ts'
import { isUsable, presentation } from '../../../src/transport/dane/tlsa.ts'
import { failureTypeOf } from '../../../src/transport/failure.ts'
import { makeAuthority } from '../../support/authority.ts'

const authority = makeAuthority('Test Authority')
const leaf = new X509Certificate(authority.issue(['mx.test']).alone)

describe('the public key in a certificate', () => {
  it('is cut out exactly as it stands there', () => {
    assert.deepEqual(publicKeyInfo(leaf.raw), leaf.publicKey.export({ type: 'spki', format: 'der' }))
  })

  it('is found, or RangeError is thrown, whatever the bytes', () => {
    const cut = fc.nat(leaf.raw.length).map((length) => leaf.raw.subarray(0, length))
    const changed = fc.tuple(fc.nat(leaf.raw.length - 1), fc.nat(255)).map(([at, byte]) => {
      const copy = Buffer.from(leaf.raw)
      copy[at] = byte
      return copy
    })
    const junk = fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(cut, changed, junk), (bytes) => {
        try {
          assert.ok(publicKeyInfo(bytes).length <= bytes.length)
        } catch (error) {
          assert.ok(error instanceof RangeError)
        }
      }),
    )
  })
})

describe('a TLSA record', () => {
  const spki = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' })
  const record = (usage: number, selector: number, matching: number, data: Buffer) => ({
    usage,
    selector,
    matching,
    data,
  })

  it('can be used with usage 2 or 3, known numbers and data of the right length', () => {
    for (const usage of [2, 3]) {
      for (const selector of [0, 1]) {
        assert.equal(isUsable(record(usage, selector, 1, Buffer.alloc(32))), true)
        assert.equal(isUsable(record(usage, selector, 2, Buffer.alloc(64))), true)
      }
      assert.equal(isUsable(record(usage, 0, 0, leaf.raw)), true)
      assert.equal(isUsable(record(usage, 1, 0, spki)), true)
    }
  })

  it('cannot be used otherwise', () => {
    for (const [usage, selector, matching, data] of [
      [0, 0, 1, Buffer.alloc(32)],
      [1, 1, 1, Buffer.alloc(32)],
      [4, 1, 1, Buffer.alloc(32)],
      [255, 1, 1, Buffer.alloc(32)],
      [3, 2, 1, Buffer.alloc(32)],
      [3, 1, 3, Buffer.alloc(32)],
      [3, 1, 1, Buffer.alloc(31)],
      [3, 1, 1, Buffer.alloc(64)],
      [3, 1, 2, Buffer.alloc(32)],
      [3, 1, 1, Buffer.alloc(0)],
      [3, 0, 0, Buffer.alloc(0)],
      [3, 0, 0, spki],
      [3, 1, 0, leaf.raw],
      [2, 0, 0, Buffer.alloc(20_000, 0x30)],
    ] as const)
      assert.equal(
        isUsable(record(usage, selector, matching, data)),
        false,
        `${usage} ${selector} ${matching} ${data.length}`,
      )
  })

  it('is used or not whatever it holds, and never throws', () => {
    const number = fc.nat(255)
    const data = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(number, number, fc.oneof(number, fc.constant(0)), data, (...parts) => {
        assert.equal(typeof isUsable(record(...parts)), 'boolean')
      }),
    )
  })

  it('is shown as in a zone file', () => {
    assert.equal(presentation(record(3, 1, 1, Buffer.from('abcd', 'hex'))), '3 1 1 abcd')
  })
})

describe('the kind of a TLS failure, for reports', () => {
  it('follows the code of the certificate, or the words', () => {
    const cases = [
      [{ text: 'TLS is required, and STARTTLS is not offered' }, 'starttls-not-supported'],
      [{ text: '', authorizationError: 'CERT_HAS_EXPIRED' }, 'certificate-expired'],
      [{ text: 'the certificate does not hold: it, or one above it, has expired' }, 'certificate-expired'],
      [{ text: 'the certificate does not hold: it is for DNS:a.test, not for b.test' }, 'certificate-host-mismatch'],
      [{ text: '', authorizationError: 'ERR_TLS_CERT_ALTNAME_INVALID' }, 'certificate-host-mismatch'],
      [{ text: '', authorizationError: 'DEPTH_ZERO_SELF_SIGNED_CERT' }, 'certificate-not-trusted'],
      [{ text: 'the certificate does not hold: it matches no TLSA record' }, 'validation-failure'],
    ] as const
    for (const [facts, type] of cases) assert.equal(failureTypeOf(facts), type, JSON.stringify(facts))
  })
})
