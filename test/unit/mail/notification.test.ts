import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { parseAddress } from '../../../src/mail/address.ts'
import type { NotifyCondition } from '../../../src/mail/envelope.ts'
import {
  composeNotification,
  isNotifyWanted,
  type Notification,
  type NotifiedRecipient,
} from '../../../src/mail/notification.ts'
import { decodeXtext } from '../../../src/mail/notification-fields.ts'
import { quotedPrintable } from '../../../src/mail/notification-part.ts'
import { headerBytes } from '../../../src/mail/notification-returned.ts'
import { parseReport } from '../../support/report.ts'

const NOW = Date.UTC(2026, 10, 3, 14, 5, 9)

function address(text: string) {
  const parsed = parseAddress(text, { utf8: true })
  assert.ok(parsed)
  return parsed
}

const recipient = (fields: Partial<NotifiedRecipient> = {}): NotifiedRecipient => ({
  address: address('nobody@example.org'),
  orcpt: null,
  status: '5.1.1',
  remote: 'mx.example.org',
  diagnostic: { type: 'smtp', text: '550 5.1.1 no such user' },
  lastAttemptAt: NOW - 1000,
  willRetryUntil: null,
  ...fields,
})

const notification = (fields: Partial<Notification> = {}): Notification => ({
  action: 'failed',
  hostname: 'relay.example.test',
  from: address('MAILER-DAEMON@relay.example.test'),
  to: address('nurse@royal.example.test'),
  recipients: [recipient()],
  original: { queueId: '0ABCDEFGHJK', envid: null, arrivedAt: NOW - 60_000, smtputf8: false },
  returned: { kind: 'headers', bytes: Buffer.from('Message-ID: <x@y.test>\r\nSubject: secret\r\n') },
  date: NOW,
  messageId: '<id@relay.example.test>',
  boundary: 'b0undary',
  ...fields,
})

const composed = (fields: Partial<Notification> = {}) => parseReport(composeNotification(notification(fields)).bytes)

describe('a delivery status notification', () => {
  it('is a message that no program answers, from the relay to the sender', () => {
    const { header } = composed()
    assert.deepEqual(Object.fromEntries(header), {
      from: '"Mail delivery" <MAILER-DAEMON@relay.example.test>',
      to: '<nurse@royal.example.test>',
      subject: 'Your message could not be delivered',
      date: 'Tue, 3 Nov 2026 14:05:09 +0000',
      'message-id': '<id@relay.example.test>',
      'in-reply-to': '<x@y.test>',
      references: '<x@y.test>',
      'auto-submitted': 'auto-replied',
      'mime-version': '1.0',
      'content-type': 'multipart/report; report-type=delivery-status; boundary="b0undary"',
    })
  })

  it('has every field of a failure, in the order of RFC 3464', () => {
    const fields = { envid: 'abc+2Bdef', queueId: '0ABCDEFGHJK', arrivedAt: NOW - 60_000, smtputf8: false }
    const { perMessage, perRecipient, status } = composed({
      original: fields,
      recipients: [recipient({ orcpt: 'rfc822;No+2Bbody@Example.ORG' })],
    })
    assert.equal(status.type, 'message/delivery-status')
    assert.deepEqual(
      [...perMessage],
      [
        ['reporting-mta', 'dns; relay.example.test'],
        ['original-envelope-id', 'abc+def'],
        ['arrival-date', 'Tue, 3 Nov 2026 14:04:09 +0000'],
        ['x-postern-queue-id', '0ABCDEFGHJK'],
      ],
    )
    assert.deepEqual(
      perRecipient.map((group) => [...group]),
      [
        [
          ['original-recipient', 'rfc822; No+body@Example.ORG'],
          ['final-recipient', 'rfc822; nobody@example.org'],
          ['action', 'failed'],
          ['status', '5.1.1'],
          ['remote-mta', 'dns; mx.example.org'],
          ['diagnostic-code', 'smtp; 550 5.1.1 no such user'],
          ['last-attempt-date', 'Tue, 3 Nov 2026 14:05:08 +0000'],
        ],
      ],
    )
  })

  it('leaves out what is not known', () => {
    const bare = recipient({ remote: null, diagnostic: null, lastAttemptAt: null })
    const { perRecipient } = composed({ recipients: [bare] })
    assert.deepEqual([...(perRecipient[0]?.keys() ?? [])], ['final-recipient', 'action', 'status'])
  })

  it('says until when a delayed message is tried, and a failed one never does', () => {
    const until = { willRetryUntil: NOW + 86_400_000 }
    const delayed = composed({ action: 'delayed', recipients: [recipient({ ...until, status: '4.4.1' })] })
    assert.equal(delayed.perRecipient[0]?.get('will-retry-until'), 'Wed, 4 Nov 2026 14:05:09 +0000')
    assert.match(delayed.human, /It is not lost: we keep trying/)
    assert.match(delayed.human.replace(/\r\n/g, ' '), /until Wed, 4 Nov 2026 14:05:09/)
    assert.equal(composed({ recipients: [recipient(until)] }).perRecipient[0]?.get('will-retry-until'), undefined)
  })

  it('tells people which address, what happened, what was said and what to do', () => {
    const { human } = composed()
    for (const words of [
      /nobody@example\.org/,
      /no mailbox with this address/,
      /550 5\.1\.1 no such user/,
      /mx\.example\.org said/,
      /urgent/,
      /0ABCDEFGHJK/,
    ]) {
      assert.match(human, words)
    }
  })

  it('says that this relay refused where it did, and sends nobody to the recipient', () => {
    const text = '550 5.7.1 (relay) nobody released it'
    const said = (fields: Partial<NotifiedRecipient>, action: 'failed' | 'delayed' = 'failed') =>
      composed({ action, recipients: [recipient(fields)] }).human.replace(/\s+/g, ' ')
    const own = { remote: null, diagnostic: { type: 'x-postern', text } as const }
    const refused = said({ ...own, status: '5.7.1' })
    assert.match(
      refused,
      /The rules of this mail relay do not let the message through\. Please ask your IT service desk/,
    )
    assert.doesNotMatch(refused, /receiving server|ask the recipient/)
    assert.match(said({ ...own, status: '4.7.5' }, 'delayed'), /has found no way there yet that its rules allow/)
    assert.match(said({ status: '5.7.1' }), /The receiving server refuses this message by its rules/)
    assert.match(said({ status: '4.7.1' }, 'delayed'), /did not take it yet/)
  })

  it('keeps every line of its text within 78 columns', () => {
    const many = ['5.1.1', '5.2.2', '5.7.30', '4.4.7', '5.4.6', '9.9.9'].map((status) => recipient({ status }))
    for (const line of composed({ recipients: many }).human.split('\r\n')) assert.ok(line.length <= 78, line)
  })

  for (const action of ['failed', 'delayed', 'delivered', 'relayed', 'expanded'] as const) {
    it(`says in its subject and text that a message was ${action}, and never what it was about`, () => {
      const { header, human, perRecipient } = composed({ action })
      assert.ok(header.get('subject')?.startsWith('Your message'))
      assert.equal(perRecipient[0]?.get('action'), action)
      assert.doesNotMatch(human + header.get('subject'), /secret/)
    })
  }

  it('joins several recipients', () => {
    const { perRecipient, human } = composed({
      recipients: [recipient(), recipient({ address: address('b@example.org') })],
    })
    assert.equal(perRecipient.length, 2)
    assert.match(human, /b@example\.org/)
  })
})

describe('what a notification returns of the message', () => {
  const utf8Header = Buffer.from('Subject: Grüße\r\n')
  const cases: [
    title: string,
    kind: 'full' | 'headers',
    bytes: Buffer,
    smtputf8: boolean,
    type: string,
    eightBit: boolean,
  ][] = [
    ['the header as text', 'headers', Buffer.from('Subject: a\r\n'), false, 'text/rfc822-headers', false],
    ['a header with raw bytes encoded', 'headers', utf8Header, false, 'text/rfc822-headers', false],
    ['an international header as such', 'headers', utf8Header, true, 'message/global-headers', true],
    [
      'an ASCII header of an SMTPUTF8 message as text',
      'headers',
      Buffer.from('Subject: a\r\n'),
      true,
      'text/rfc822-headers',
      false,
    ],
    ['the whole message', 'full', Buffer.from('Subject: a\r\n\r\nx\r\n'), false, 'message/rfc822', false],
    [
      'the whole message with eight bits',
      'full',
      Buffer.from('Subject: a\r\n\r\nü\r\n'),
      false,
      'message/rfc822',
      true,
    ],
    ['an international message as such', 'full', Buffer.from('Subject: ü\r\n\r\nü\r\n'), true, 'message/global', true],
  ]
  for (const [title, kind, bytes, smtputf8, type, eightBit] of cases) {
    it(`is ${title}`, () => {
      const made = notification({ returned: { kind, bytes }, original: { ...notification().original, smtputf8 } })
      const { bytes: all, eightBit: needs8 } = composeNotification(made)
      const { returned } = parseReport(all)
      assert.equal(returned?.type, type)
      assert.deepEqual(returned?.body, bytes)
      assert.equal(needs8, eightBit)
    })
  }

  it('may be nothing', () => assert.equal(composed({ returned: null }).returned, null))
})

describe('an international notification', () => {
  const jürgen = recipient({ address: address('jürgen@example.org'), orcpt: 'utf-8;j\\x{FC}rgen@example.org' })

  it('reports with the media type and address type of RFC 6533', () => {
    const made = composeNotification(notification({ recipients: [jürgen] }))
    const { status, perRecipient } = parseReport(made.bytes)
    assert.equal(status.type, 'message/global-delivery-status')
    assert.equal(perRecipient[0]?.get('final-recipient'), 'utf-8; jürgen@example.org')
    assert.equal(perRecipient[0]?.get('original-recipient'), 'utf-8; jürgen@example.org')
    assert.deepEqual([made.eightBit, made.smtputf8], [true, false])
  })

  it('needs SMTPUTF8 only for a sender who needs it', () => {
    assert.equal(composeNotification(notification({ to: address('zoë@example.org') })).smtputf8, true)
  })

  it('keeps an international ORCPT in ASCII where the recipient is in ASCII', () => {
    const { status, perRecipient } = composed({ recipients: [recipient({ orcpt: 'utf-8;jürgen@example.org' })] })
    assert.equal(status.type, 'message/delivery-status')
    assert.equal(perRecipient[0]?.get('original-recipient'), 'utf-8; j\\x{FC}rgen@example.org')
  })

  it('writes its text in an encoding that every server takes', () => {
    const { human } = parseReport(composeNotification(notification({ recipients: [jürgen] })).bytes)
    assert.match(human, /jürgen@example\.org/)
  })
})

describe('text from outside', () => {
  const hostile = 'evil\r\n\r\nAction: delivered\r\n--b0undary--\u0000\u2028'

  it('can add no field, no part and no line to a notification', () => {
    const { perRecipient, returned } = composed({
      original: { ...notification().original, envid: 'a+0D+0AAction:+20delivered' },
      recipients: [
        recipient({
          orcpt: 'rfc822;a+0D+0AAction:+20delivered@x',
          remote: hostile,
          diagnostic: { type: 'smtp', text: hostile },
        }),
      ],
    })
    assert.equal(perRecipient.length, 1)
    assert.equal(perRecipient[0]?.get('action'), 'failed')
    assert.equal(perRecipient[0]?.get('original-recipient'), 'rfc822; a+0D+0AAction:+20delivered@x')
    assert.ok(returned)
  })

  it('is cut before a line grows over 998 octets', () => {
    const { bytes } = composeNotification(
      notification({ recipients: [recipient({ diagnostic: { type: 'smtp', text: `550 ${'x'.repeat(5000)}` } })] }),
    )
    for (const line of bytes.toString('latin1').split('\r\n')) assert.ok(line.length <= 998)
  })

  it('is never an ORCPT that is none', () => {
    for (const orcpt of ['', 'no-semicolon', ';x', 'rfc822;', 'bad type;x']) {
      assert.equal(
        composed({ recipients: [recipient({ orcpt })] }).perRecipient[0]?.get('original-recipient'),
        undefined,
      )
    }
  })

  it('keeps its structure whatever the replies, ORCPT and header are', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.string({ unit: 'binary' }),
        fc.uint8Array({ maxLength: 200 }),
        (text, orcpt, raw) => {
          const { perRecipient } = composed({
            recipients: [recipient({ diagnostic: { type: 'smtp', text: `550 ${text}` }, orcpt })],
            returned: { kind: 'headers', bytes: headerBytes(Buffer.from(raw), 150) },
          })
          assert.equal(perRecipient[0]?.get('action'), 'failed')
        },
      ),
      { numRuns: 200 },
    )
  })

  it('becomes a thread only by a Message-ID that is safe', () => {
    const reply = (header: string) =>
      composed({ returned: { kind: 'headers', bytes: Buffer.from(header) } }).header.get('in-reply-to')
    assert.equal(reply('Message-Id:\r\n <a.b@c.test>\r\n'.replace('\r\n ', ' ')), '<a.b@c.test>')
    assert.equal(reply('Message-ID: <a b@c>\r\n'), undefined)
    assert.equal(reply('Message-ID: <a@b> <c@d>\r\n'), undefined)
    assert.equal(reply('Message-ID: <ä@b>\r\n'), undefined)
    assert.equal(reply(`Message-ID: <${'x'.repeat(300)}@b>\r\n`), undefined)
    assert.equal(reply('Subject: x\r\n\r\nMessage-ID: <body@b>\r\n'), undefined)
  })
})

describe('NOTIFY', () => {
  const cases: [notify: NotifyCondition[] | null, failure: boolean, delay: boolean, success: boolean][] = [
    [null, true, true, false],
    [[], false, false, false],
    [['never'], false, false, false],
    [['failure'], true, false, false],
    [['delay'], false, true, false],
    [['success'], false, false, true],
    [['success', 'failure'], true, false, true],
    [['failure', 'delay'], true, true, false],
    [['success', 'delay'], false, true, true],
    [['success', 'failure', 'delay'], true, true, true],
  ]
  for (const [notify, failure, delay, success] of cases) {
    it(`=${notify?.join(',').toUpperCase() ?? ' not given'} wants ${
      Object.entries({ failure, delay, success })
        .filter(([, on]) => on)
        .map(([name]) => name)
        .join(', ') || 'nothing'
    }`, () => {
      const to = { address: address('a@example.org'), notify, orcpt: null }
      assert.equal(isNotifyWanted(to, 'failure'), failure)
      assert.equal(isNotifyWanted(to, 'delay'), delay)
      assert.equal(isNotifyWanted(to, 'success'), success)
    })
  }
})

describe('the header of a message', () => {
  const cases: [title: string, message: string, limit: number, header: string][] = [
    ['ends before the empty line', 'A: 1\r\nB: 2\r\n\r\nbody', 100, 'A: 1\r\nB: 2\r\n'],
    ['is everything where there is no empty line', 'A: 1\r\n', 100, 'A: 1\r\n'],
    ['is nothing where the message begins with its body', '\r\nbody', 100, ''],
    ['is cut at whole lines', 'A: 1\r\nB: 2\r\nC: 3\r\n\r\n', 13, 'A: 1\r\nB: 2\r\n'],
    ['fits exactly at its limit', 'A: 1\r\nB: 2\r\n\r\n', 12, 'A: 1\r\nB: 2\r\n'],
    ['loses a line one octet under it', 'A: 1\r\nB: 2\r\n\r\n', 11, 'A: 1\r\n'],
    ['is nothing where not even one line fits', `A: ${'x'.repeat(50)}\r\n\r\n`, 20, ''],
  ]
  for (const [title, message, limit, header] of cases) {
    it(title, () => assert.equal(headerBytes(Buffer.from(message), limit).toString(), header))
  }
})

describe('encodings', () => {
  it('decode xtext, and leave alone what is none', () => {
    assert.equal(decodeXtext('a+2Bb+3Dc'), 'a+b=c')
    assert.equal(decodeXtext('100+25'), '100%')
    assert.equal(decodeXtext('a+zz+'), 'a+zz+')
    assert.equal(decodeXtext('j+C3+BCrgen'), 'jürgen')
  })

  it('bring quoted-printable through whatever the bytes are, in lines of at most 76', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (raw) => {
        const text = Buffer.from(raw)
          .toString('latin1')
          .replace(/[\r\n]/g, 'x')
          .replace(/xx/g, '\r\n')
        const encoded = quotedPrintable(Buffer.from(text, 'latin1')).toString('latin1')
        for (const line of encoded.split('\r\n')) assert.match(line, /^[\t -~]{0,76}$/)
        for (const line of encoded.split('\r\n')) assert.doesNotMatch(line, /[ \t]$/)
        const decoded = encoded
          .replace(/=\r\n/g, '')
          .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)))
        assert.equal(decoded, text)
      }),
    )
  })
})
