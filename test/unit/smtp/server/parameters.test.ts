import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { formatAddress, formatPath } from '../../../../src/mail/address.ts'
import { DEFAULT_LIMITS } from '../../../../src/smtp/server/limits.ts'
import { type MailContext, parseMail } from '../../../../src/smtp/server/mail-command.ts'
import { decodeXtext } from '../../../../src/smtp/server/params.ts'
import { parseRcpt, type RcptContext } from '../../../../src/smtp/server/rcpt-command.ts'

const MAIL: MailContext = { limits: { ...DEFAULT_LIMITS, size: 1000 }, inTls: true, extended: true }
const RCPT: RcptContext = { hostname: 'Relay.Test', smtputf8: false, lenient: false, extended: true }

const mail = (args: string, context: Partial<MailContext> = {}) => parseMail(args, { ...MAIL, ...context })
const rcpt = (args: string, context: Partial<RcptContext> = {}) => parseRcpt(args, { ...RCPT, ...context })

/** `501 5.5.4`, or the address where it is taken. */
function outcome(parsed: ReturnType<typeof mail> | ReturnType<typeof rcpt>): string {
  if ('code' in parsed) return `${parsed.code} ${parsed.enhanced}`
  return 'from' in parsed ? formatPath(parsed.from) : formatAddress(parsed.address)
}

const table = (cases: readonly (readonly [string, string])[], parse: (args: string) => string) => {
  for (const [args, expected] of cases) {
    it(`${JSON.stringify(args)} gives ${expected}`, () => assert.equal(parse(args), expected))
  }
}

describe('the path in MAIL', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['FROM:<>', '<>'],
    ['from:<a@b.test>', '<a@b.test>'],
    ['FROM: <a@b.test>', '<a@b.test>'],
    ['FROM:<A.b+c@B.Test>', '<A.b+c@b.test>'],
    ['FROM:<"a b"@b.test>', '<"a b"@b.test>'],
    ['FROM:<"a>b"@b.test>', '<"a>b"@b.test>'],
    ['FROM:<"a\\"@c>"@b.test>', '<"a\\"@c>"@b.test>'],
    ['FROM:<a@[10.0.0.1]>', '<a@[10.0.0.1]>'],
    ['FROM:<a@xn--mnchen-3ya.test>', '<a@xn--mnchen-3ya.test>'],
    // RFC 5321 appendix C: routes are read and dropped
    ['FROM:<@x.test,@y.test:a@b.test>', '<a@b.test>'],
    ['FROM:<@x.test:>', '501 5.5.4'],
    ['FROM:<@x.test,y.test:a@b.test>', '501 5.5.4'],
    ['FROM:<@:a@b.test>', '501 5.5.4'],
    ['FROM <a@b.test>', '501 5.5.4'],
    ['FROM:', '501 5.5.4'],
    ['FROM:a@b.test', '501 5.5.4'],
    ['FROM:<a@b.test', '501 5.5.4'],
    ['FROM:<a@b.test>x', '501 5.5.4'],
    ['FROM:<a@b.test>SIZE=1', '501 5.5.4'],
    ['TO:<a@b.test>', '501 5.5.4'],
    ['FROM:<a>', '501 5.1.7'],
    ['FROM:<a@>', '501 5.1.7'],
    ['FROM:<@b.test>', '501 5.1.7'],
    ['FROM:<a b@b.test>', '501 5.1.7'],
    ['FROM:<a@b..test>', '501 5.1.7'],
    ['FROM:<<a@b.test>>', '501 5.5.4'],
    ['FROM:<a@b.test><c@d.test>', '501 5.5.4'],
    [`FROM:<${'a'.repeat(65)}@b.test>`, '501 5.1.7'],
    ['FROM:<m\u00fcller@b.test>', '553 5.6.7'],
    ['FROM:<m\u00fcller@>', '501 5.1.7'],
    ['FROM:<a@m\u00fcnchen.test>', '553 5.6.7'],
    ['FROM:<m\u00fcller@m\u00fcnchen.test> SMTPUTF8', '<m\u00fcller@xn--mnchen-3ya.test>'],
  ]
  table(cases, (args) => outcome(mail(args)))

  it('may lack its brackets where the client is lenient', () => {
    assert.equal(outcome(mail('FROM:a@b.test SIZE=5', { limits: { ...DEFAULT_LIMITS, lenient: true } })), '<a@b.test>')
  })
})

describe('parameters of MAIL', () => {
  const good = 'FROM:<a@b.test>'
  const cases: readonly (readonly [string, string])[] = [
    [`${good} SIZE=1000`, '<a@b.test>'],
    [`${good} SIZE=1001`, '552 5.3.4'],
    [`${good} SIZE=99999999999999999999`, '552 5.3.4'],
    [`${good} SIZE=999999999999999999999`, '501 5.5.4'],
    [`${good} SIZE`, '501 5.5.4'],
    [`${good} SIZE=`, '501 5.5.4'],
    [`${good} SIZE=-1`, '501 5.5.4'],
    [`${good} SIZE=0x10`, '501 5.5.4'],
    [`${good} SIZE=1 size=1`, '501 5.5.4'],
    [`${good} BODY=8BITMIME`, '<a@b.test>'],
    [`${good} BODY=BINARYMIME`, '501 5.5.4'],
    [`${good} BODY`, '501 5.5.4'],
    [`${good} SMTPUTF8=1`, '501 5.5.4'],
    [`${good} REQUIRETLS`, '<a@b.test>'],
    [`${good} REQUIRETLS=yes`, '501 5.5.4'],
    [`${good} RET=full`, '<a@b.test>'],
    [`${good} RET=BODY`, '501 5.5.4'],
    [`${good} ENVID=a+20b`, '<a@b.test>'],
    [`${good} ENVID=${'x'.repeat(100)}`, '<a@b.test>'],
    [`${good} ENVID=${'x'.repeat(101)}`, '501 5.5.4'],
    [`${good} ENVID=a+0Ab`, '501 5.5.4'],
    [`${good} ENVID=a+2`, '501 5.5.4'],
    [`${good} ENVID=a=b`, '501 5.5.4'],
    [`${good} ENVID`, '501 5.5.4'],
    [`${good} AUTH=<>`, '<a@b.test>'],
    [`${good} AUTH=a+40b.test`, '<a@b.test>'],
    [`${good} AUTH`, '501 5.5.4'],
    [`${good} NOTIFY=NEVER`, '555 5.5.4'],
    [`${good} XYZZY`, '555 5.5.4'],
    [`${good} CONSTRUCTOR`, '555 5.5.4'],
    [`${good} =1`, '501 5.5.4'],
    [`${good} -X=1`, '501 5.5.4'],
  ]
  table(cases, (args) => outcome(mail(args)))

  it('are given to the handler as they were meant', () => {
    assert.deepEqual(mail('FROM:<a@b.test> SIZE=12 BODY=8bitmime SMTPUTF8 REQUIRETLS RET=HDRS ENVID=QQ+2B1 AUTH=<>'), {
      from: { local: 'a', domain: 'b.test' },
      size: 12,
      body: '8bitmime',
      smtputf8: true,
      requireTls: true,
      ret: 'hdrs',
      envid: 'QQ+2B1',
    })
  })

  it('are all left out where none are given', () => {
    assert.deepEqual(mail('FROM:<>'), {
      from: null,
      size: null,
      body: '7bit',
      smtputf8: false,
      requireTls: false,
      ret: null,
      envid: null,
    })
  })

  it('are not known after HELO', () => {
    assert.equal(outcome(mail(`${good} SIZE=1`, { extended: false })), '555 5.5.4')
  })

  it('may ask for REQUIRETLS only in TLS', () => {
    assert.equal(outcome(mail(`${good} REQUIRETLS`, { inTls: false })), '530 5.7.10')
  })
})

describe('the path in RCPT', () => {
  const cases: readonly (readonly [string, string])[] = [
    ['TO:<a@b.test>', 'a@b.test'],
    ['to: <a@b.test>', 'a@b.test'],
    ['TO:<@x.test:a@b.test>', 'a@b.test'],
    ['TO:<Postmaster>', 'Postmaster@relay.test'],
    ['TO:<postmaster>', 'postmaster@relay.test'],
    ['TO:<root>', '501 5.1.3'],
    ['TO:<>', '501 5.1.3'],
    ['TO:a@b.test', '501 5.5.4'],
    ['FROM:<a@b.test>', '501 5.5.4'],
    ['TO:<m\u00fcller@b.test>', '553 5.6.7'],
  ]
  table(cases, (args) => outcome(rcpt(args)))

  it('may hold any character where MAIL declared SMTPUTF8', () => {
    assert.equal(outcome(rcpt('TO:<m\u00fcller@b.test>', { smtputf8: true })), 'm\u00fcller@b.test')
  })
})

describe('parameters of RCPT', () => {
  const good = 'TO:<a@b.test>'
  const cases: readonly (readonly [string, string])[] = [
    [`${good} NOTIFY=NEVER`, 'a@b.test'],
    [`${good} NOTIFY=SUCCESS,NEVER`, '501 5.5.4'],
    [`${good} NOTIFY=NEVER,NEVER`, '501 5.5.4'],
    [`${good} NOTIFY=SUCCESS,SUCCESS`, '501 5.5.4'],
    [`${good} NOTIFY=`, '501 5.5.4'],
    [`${good} NOTIFY`, '501 5.5.4'],
    [`${good} NOTIFY=FAILURE,`, '501 5.5.4'],
    [`${good} NOTIFY=FAILURE NOTIFY=DELAY`, '501 5.5.4'],
    [`${good} ORCPT=rfc822;a+40b`, 'a@b.test'],
    [`${good} ORCPT=rfc822;`, '501 5.5.4'],
    [`${good} ORCPT=;a`, '501 5.5.4'],
    [`${good} ORCPT=a@b.test`, '501 5.5.4'],
    [`${good} ORCPT=rfc822;a+b`, '501 5.5.4'],
    [`${good} ORCPT=rfc822;a+0D+0Ab`, '501 5.5.4'],
    [`${good} ORCPT=rfc822;${'a'.repeat(493)}`, 'a@b.test'],
    [`${good} ORCPT=rfc822;${'a'.repeat(494)}`, '501 5.5.4'],
    [`${good} ORCPT=utf-8;m\u00fcller`, '501 5.5.4'],
    [`${good} SIZE=1`, '555 5.5.4'],
  ]
  table(cases, (args) => outcome(rcpt(args)))

  it('are given to the handler: conditions in order, ORCPT as it came', () => {
    assert.deepEqual(rcpt(`${good} NOTIFY=delay,Success ORCPT=rfc822;A+2Bb@c.test`), {
      address: { local: 'a', domain: 'b.test' },
      notify: ['success', 'delay'],
      orcpt: 'rfc822;A+2Bb@c.test',
    })
    assert.deepEqual(rcpt(`${good} NOTIFY=NEVER`), {
      address: { local: 'a', domain: 'b.test' },
      notify: ['never'],
      orcpt: null,
    })
  })

  it('may hold UTF-8 in ORCPT of its own type where SMTPUTF8 was declared', () => {
    assert.equal(outcome(rcpt(`${good} ORCPT=utf-8;m\u00fcller@b`, { smtputf8: true })), 'a@b.test')
    assert.equal(outcome(rcpt(`${good} ORCPT=rfc822;m\u00fcller@b`, { smtputf8: true })), '501 5.5.4')
  })
})

describe('xtext', () => {
  it('stands for any printable text', () => {
    const encode = (text: string) =>
      text.replace(
        /[^\x21-\x2a\x2c-\x3c\x3e-\x7e]/g,
        (char) => `+${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`,
      )
    const printable = fc.array(fc.integer({ min: 0x20, max: 0x7e }), { minLength: 1 })
    fc.assert(
      fc.property(printable, (codes) => {
        const text = String.fromCharCode(...codes)
        assert.equal(decodeXtext(encode(text)), text)
      }),
    )
  })
})

describe('reading a command', () => {
  it('never throws, and takes a short time, whatever is in it', () => {
    const piece = fc.constantFrom('<', '>', '"', '\\', '@', ':', ' ', ',', '=', 'a', 'FROM:', 'SIZE', '\u00fc')
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        outcome(mail(`FROM:${pieces.join('')}`))
        outcome(rcpt(`TO:${pieces.join('')}`))
      }),
    )
    for (const unit of ['"', '"\\', '<"', '"a"', '@a,', '=', ' A=1', '"\\""']) {
      const begun = performance.now()
      outcome(mail(`FROM:<${unit.repeat(12_288 / unit.length)}`))
      outcome(mail(`FROM:<a@b.test> ${unit.repeat(12_288 / unit.length)}`))
      assert.ok(performance.now() - begun < 500, `slow: ${unit}`)
    }
  })
})
