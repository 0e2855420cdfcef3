import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseSenderPattern, type SenderPattern, senderAllowed } from '../../../src/config/sender.ts'
import { parseAddress } from '../../../src/mail/address.ts'

function allows(patterns: readonly string[], from: string): boolean {
  const read = patterns.map((text): SenderPattern => {
    const pattern = parseSenderPattern(text)
    assert.ok(pattern, text)
    return pattern
  })
  const address = from === '' ? null : parseAddress(from, { utf8: true })
  assert.ok(from === '' || address !== null, from)
  return senderAllowed(read, address)
}

test('an address allows itself, in any case, and nobody else', () => {
  assert.ok(allows(['Nurse@Royal.test'], 'nurse@royal.test'))
  assert.equal(allows(['nurse@royal.test'], 'nurse2@royal.test'), false)
  assert.equal(allows(['nurse@royal.test'], 'nurse@royal.test.evil.test'), false)
})

test('a domain allows all of its addresses and none below it', () => {
  for (const pattern of ['@royal.test', '*@royal.test']) {
    assert.ok(allows([pattern], 'any.one@royal.test'))
    assert.equal(allows([pattern], 'any@ward.royal.test'), false)
    assert.equal(allows([pattern], 'any@notroyal.test'), false)
  }
})

test('a pattern allows every name below a domain, and not the domain itself', () => {
  assert.ok(allows(['@*.royal.test'], 'a@ward.royal.test'))
  assert.ok(allows(['@*.royal.test'], 'a@b.ward.royal.test'))
  assert.equal(allows(['@*.royal.test'], 'a@royal.test'), false)
  assert.equal(allows(['@*.royal.test'], 'a@evilroyal.test'), false)
})

test('the null reverse-path is allowed by its own pattern or by all', () => {
  assert.ok(allows(['<>'], ''))
  assert.ok(allows(['*'], ''))
  assert.equal(allows(['@royal.test'], ''), false)
  assert.equal(allows(['<>'], 'a@royal.test'), false)
})

test('a domain in Unicode allows the same one in ASCII', () => {
  assert.ok(allows(['@bücher.test'], 'a@xn--bcher-kva.test'))
})

test('no pattern allows nobody', () => {
  assert.equal(allows([], 'a@b.test'), false)
})

test('what is no pattern is refused', () => {
  for (const text of [
    '',
    '@',
    'royal.test',
    '*.royal.test',
    'a*@royal.test',
    '@*',
    '@roy*al.test',
    '@a..b',
    '**',
    'a@b@',
    null,
    1,
  ]) {
    assert.equal(parseSenderPattern(text), undefined, String(text))
  }
})
