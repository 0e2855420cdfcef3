import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseAddress } from '../../../src/mail/address.ts'

const isTaken = (text: string) => parseAddress(text, { utf8: true }) !== null

describe('a local part', () => {
  it('holds every character of an atom, and none of the specials', () => {
    const ascii = Array.from({ length: 128 }, (_, code) => String.fromCharCode(code))
    const taken = ascii.filter((each) => isTaken(`a${each}b@example.org`)).join('')
    // The dot parts atoms
    assert.equal(taken, "!#$%&'*+-./0123456789=?ABCDEFGHIJKLMNOPQRSTUVWXYZ^_`abcdefghijklmnopqrstuvwxyz{|}~")
  })

  it('holds letters of any script, but no blank, line end or control of any', () => {
    assert.ok(['jürgen', '用户', 'ελένη', '😀'].every((local) => isTaken(`${local}@example.org`)))
    const bad = [0x80, 0x85, 0x9f, 0xa0, 0x1680, 0x2003, 0x2028, 0x2029, 0x202f, 0x3000, 0xfeff, 0xd800]
    for (const code of bad) {
      assert.equal(isTaken(`a${String.fromCharCode(code)}b@example.org`), false, code.toString(16))
    }
    assert.equal(isTaken(`"a${String.fromCharCode(0x85)}b"@example.org`), false)
  })
})
