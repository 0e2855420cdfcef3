import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import {
  MAX_PATTERNS,
  namesExchanger,
  parsePolicy,
  policyId,
  policyLines,
} from '../../../../src/transport/mta-sts/policy.ts'

const parsed = (text: string) => {
  const result = parsePolicy(text)
  return result.ok ? result.policy : result.why
}

describe('an MTA-STS record', () => {
  it('gives the id of the policy', () => {
    assert.equal(policyId(['v=STSv1; id=20160831085700Z;']), '20160831085700Z')
    assert.equal(policyId(['v=spf1 -all', 'v=STSv1;id=1']), '1')
    assert.equal(policyId(['v=STSv1; other=x; id=abc']), 'abc')
  })

  it('counts for nothing where it is not valid, or not alone', () => {
    for (const records of [
      [],
      ['v=STSv1'],
      ['v=STSv1;'],
      ['v=STSv2; id=1'],
      ['id=1; v=STSv1'],
      ['v=STSv1; id='],
      ['v=STSv1; id=a-b'],
      [`v=STSv1; id=${'1'.repeat(33)}`],
      [`v=STSv1; id=1; x=${'1'.repeat(1000)}`],
      ['v=STSv1; id=1', 'v=STSv1; id=2'],
    ])
      assert.equal(policyId(records), null, records.join(' | '))
  })
})

describe('an MTA-STS policy', () => {
  it('is read with either line end, in any order, in lower case', () => {
    const expected = { mode: 'enforce', mx: ['mail.example.com', '*.example.net'], maxAge: 604800 }
    assert.deepEqual(
      parsed('version: STSv1\nmode: enforce\nmx: Mail.Example.com\nmx: *.example.net\nmax_age: 604800\n'),
      expected,
    )
    assert.deepEqual(
      parsed('max_age:604800\r\nmx:mail.example.com.\r\nmx: *.example.net\r\nmode: enforce\r\nversion: STSv1'),
      expected,
    )
  })

  it('may hold keys of later versions, which count for nothing; of one that stands twice the first counts', () => {
    assert.deepEqual(
      parsed('version: STSv1\nmode: testing\nmode: enforce\nfuture-key: a b c\nmx: a.test\nmax_age: 1\nmax_age: 2\n'),
      {
        mode: 'testing',
        mx: ['a.test'],
        maxAge: 1,
      },
    )
  })

  it('needs no exchangers where its mode is none', () => {
    assert.deepEqual(parsed('version: STSv1\nmode: none\nmax_age: 10\n'), { mode: 'none', mx: [], maxAge: 10 })
  })

  it('lasts no longer than the longest time that there is', () => {
    assert.deepEqual(parsed('version: STSv1\nmode: none\nmax_age: 9999999999\n'), {
      mode: 'none',
      mx: [],
      maxAge: 31_557_600,
    })
  })

  it('is invalid as a whole where a part of it is', () => {
    const good = ['version: STSv1', 'mode: enforce', 'mx: a.test', 'max_age: 1']
    for (let left = 0; left < good.length; left++) {
      assert.equal(parsePolicy(good.filter((_, i) => i !== left).join('\n')).ok, false)
    }
    for (const line of [
      'mx: ',
      'mx: a b',
      'mx: *',
      'mx: *.',
      'mx: a.*.test',
      'mx: [192.0.2.1]',
      'nonsense',
      ': x',
      '<html>',
    ]) {
      assert.equal(parsePolicy([...good, line].join('\n')).ok, false, line)
    }
    for (const age of ['-1', '1.5', '1e3', '99999999999', 'week']) {
      assert.equal(parsePolicy(`version: STSv1\nmode: none\nmax_age: ${age}`).ok, false, age)
    }
    assert.equal(parsePolicy('version: STSv1\nmode: Enforce\nmx: a.test\nmax_age: 1').ok, false)
  })

  it('has a bounded number of exchangers', () => {
    const lines = (count: number) => Array.from({ length: count }, (_, i) => `mx: mx${i}.test\n`).join('')
    const text = (count: number) => `version: STSv1\nmode: enforce\nmax_age: 1\n${lines(count)}`
    assert.equal(parsePolicy(text(MAX_PATTERNS)).ok, true)
    assert.equal(parsePolicy(text(MAX_PATTERNS + 1)).ok, false)
  })

  it('is read or refused whatever the text, and never throws', () => {
    const token = fc.constantFrom(
      'version: STSv1',
      'mode: enforce',
      'mx: a.test',
      'max_age: 5',
      '\n',
      '\r\n',
      ':',
      ' ',
      '*.',
      '\0',
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(token).map((parts) => parts.join('')),
        ),
        (text) => {
          const result = parsePolicy(text)
          if (result.ok) assert.deepEqual(parsePolicy(policyLines(result.policy).join('\n')), result)
        },
      ),
    )
  })

  it('names a host by itself or by a star that is one label and no more', () => {
    const policy = { mode: 'enforce', mx: ['mail.example.com', '*.example.net'], maxAge: 1 } as const
    for (const host of ['mail.example.com', 'a.example.net']) assert.equal(namesExchanger(policy, host), true, host)
    for (const host of [
      'example.com',
      'x.mail.example.com',
      'example.net',
      'a.b.example.net',
      'net',
      'aexample.net',
      '',
    ]) {
      assert.equal(namesExchanger(policy, host), false, host)
    }
  })
})
