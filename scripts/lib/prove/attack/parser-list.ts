import { examine } from '../../../../src/certificates/examine.ts'
import { parseSource } from '../../../../src/config/document.ts'
import { parseRegister } from '../../../../src/config/secure-domains/register.ts'
import { parseDestination } from '../../../../src/deliver/destination.ts'
import { createBudget } from '../../../../src/inspect/attachments/budget.ts'
import { decodeBody } from '../../../../src/inspect/attachments/formats/mime-body.ts'
import {
  readMimeHeader,
  readMimeValue,
  decodeWords as readWords,
} from '../../../../src/inspect/attachments/formats/mime-header.ts'
import { DEFAULT_OPTIONS, inspectPart } from '../../../../src/inspect/attachments/inspect.ts'
import { relaxedField } from '../../../../src/inspect/dkim/header.ts'
import { readAuthor, seenAddresses } from '../../../../src/inspect/plugins/impersonation/author.ts'
import { nameKey, decodeWords as readName } from '../../../../src/inspect/plugins/impersonation/name.ts'
import { readingsOf } from '../../../../src/inspect/plugins/sensitive/readings.ts'
import { readRspamdAnswer } from '../../../../src/inspect/plugins/spam/rspamd-answer.ts'
import { readPong, readSpamdAnswer } from '../../../../src/inspect/plugins/spam/spamd-answer.ts'
import { readScanReply } from '../../../../src/inspect/plugins/virus/reply.ts'
import { readCertificate } from '../../../../src/inspect/smime/certificate.ts'
import { signerOf } from '../../../../src/inspect/smime/signed.ts'
import { parseAddress, parseDomain } from '../../../../src/mail/address.ts'
import { parseHeader } from '../../../../src/mail/header.ts'
import { decodeBytes } from '../../../../src/mail/mime/decode.ts'
import { bottomOf, scanHtml, topOf } from '../../../../src/mail/mime/insert/html.ts'
import { parseFieldValue } from '../../../../src/mail/mime/parameters.ts'
import { readMime } from '../../../../src/mail/mime/reader.ts'
import { findUuBlocks } from '../../../../src/mail/mime/uuencode.ts'
import { decodeWords } from '../../../../src/mail/mime/words.ts'
import { parseQueueId } from '../../../../src/mail/queue-id.ts'
import { readReceipt } from '../../../../src/mail/receipt-signature.ts'
import { readResponse } from '../../../../src/net/dns-wire.ts'
import { readDmarcReport } from '../../../../src/reports/incoming/dmarc-xml.ts'
import { findReport } from '../../../../src/reports/incoming/find.ts'
import { readTlsReport } from '../../../../src/reports/incoming/tls-json.ts'
import { REPORT_LIMITS as ROOM_LIMITS } from '../../../../src/reports/options.ts'
import { destinationsIn, tagsOf } from '../../../../src/reports/outgoing/uri.ts'
import { DEFAULT_LIMITS } from '../../../../src/smtp/server/limits.ts'
import { parseMail } from '../../../../src/smtp/server/mail-command.ts'
import { decodeXtext, parseParameters } from '../../../../src/smtp/server/params.ts'
import { parsePathArgument } from '../../../../src/smtp/server/path.ts'
import { parseProxyHeader } from '../../../../src/smtp/server/proxy-header.ts'
import { parseRcpt } from '../../../../src/smtp/server/rcpt-command.ts'
import { parsePolicy, policyId } from '../../../../src/transport/mta-sts/policy.ts'

export interface Parser {
  readonly name: string
  readonly read: (text: string) => unknown
  readonly seeds: readonly string[]
  /** The operator's own file, by a library that compares each repeated key with all others: not hostile, and not timed. */
  readonly own?: true
}

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1')
const REPORT_LIMITS = { receivedRows: 1000, depth: 20 } as never
const FOUND_LIMITS = { ...ROOM_LIMITS, unpackedBytes: 1_000_000, receivedRows: 1000 }
const RCPT_CONTEXT = { hostname: 'relay.test', smtputf8: true, lenient: false, extended: true }
const attachment = (name: string) => (text: string) =>
  inspectPart({ filename: name, declaredType: null, bytes: bytes(text) })

const MAIL =
  'Received: from a (b [1.2.3.4])\r\n\tby c; Sun\r\nSubject: =?utf-8?Q?a=20b?= =?utf-8?B?YWJj?=\r\nContent-Type: multipart/mixed; boundary="b"; name*0*=utf-8\'\'a%20;\r\n name*1="c"\r\n\r\n--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n<b>=3D=\r\n</b>\r\n--b\r\nContent-Transfer-Encoding: base64\r\n\r\nYWJj\r\n--b--\r\n'
/** All readers of what others send, with sound texts to begin from. */
export const PARSERS: readonly Parser[] = [
  {
    name: 'SMTP parameters',
    read: (t) => parseParameters(t, new Set(['SIZE', 'BODY', 'ORCPT'])),
    seeds: ['SIZE=1 BODY=8BITMIME ORCPT=rfc822;a+2Bb@c'],
  },
  {
    name: 'SMTP paths',
    read: (t) => parsePathArgument(t, 'FROM', true),
    seeds: ['FROM:<@a.test,@b.test:"x\\"y"@c.test> SIZE=1'],
  },
  {
    name: 'MAIL and RCPT',
    read: (t) => [parseMail(t, { limits: DEFAULT_LIMITS, inTls: true, extended: true }), parseRcpt(t, RCPT_CONTEXT)],
    seeds: [
      'FROM:<a@b.test> SIZE=1 BODY=8BITMIME RET=HDRS ENVID=a+2Bb AUTH=<> SMTPUTF8 REQUIRETLS',
      'TO:<a@b.test> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;a+2Bb@c.test',
    ],
  },
  { name: 'xtext', read: decodeXtext, seeds: ['a+2Bb+3D'] },
  {
    name: 'header of an attachment',
    read: (t) => [readMimeHeader(t), readMimeValue(t), readWords(t)],
    seeds: [
      MAIL,
      'attachment; filename*0*=utf-8\'\'a%20; filename*1="b\\"c"; filename="=?utf-8?Q?d=20?= =?utf-8?B?YQ==?="',
    ],
  },
  {
    name: 'names of people',
    read: (t) => [nameKey(readName(t)), readingsOf(t)],
    seeds: [
      'Dr. Jane =?utf-8?Q?Sm=C3=ADth?= =?utf-7?Q?+AGE-?= (x)',
      '=?utf-8?q?=5Bsecure=5D?= [se=?utf-8?b?Y3VyZQ==?=]',
    ],
  },
  {
    name: 'addresses',
    read: (t) => parseAddress(t, { utf8: true }),
    seeds: ['"a\\"b c"@x.y.test', 'ä.b@xn--bcher-kva.test', 'a@[IPv6:2001:db8::1]'],
  },
  { name: 'header', read: (t) => parseHeader(bytes(t)), seeds: [MAIL] },
  { name: 'MIME structure', read: (t) => readMime(bytes(t)), seeds: [MAIL] },
  {
    name: 'MIME parameters',
    read: (t) => parseFieldValue(t, 100),
    seeds: ['a/b (c(d)); name="e\\"f"; g*0*=utf-8\'\'h%20; g*1=i; j=k'],
  },
  { name: 'RFC 2047 words', read: decodeWords, seeds: ['a =?utf-8?Q?b=20_c?= =?iso-8859-1?B?5A==?= d'] },
  {
    name: 'quoted-printable',
    read: (t) => decodeBytes(bytes(t), 'quoted-printable' as never, 1e7),
    seeds: ['a=3D=\r\nb= \r\nc\t \r\n'],
  },
  { name: 'base64', read: (t) => decodeBytes(bytes(t), 'base64' as never, 1e7), seeds: ['YWJj\r\nZGVm=\r\n=YQ=='] },
  {
    name: 'base64 of attached mail',
    read: (t) => decodeBody(bytes(t), 'base64', createBudget(DEFAULT_OPTIONS.limits)),
    seeds: ['YWJj\r\nZGVm=\r\n=YQ=='],
  },
  {
    name: 'PROXY header',
    read: parseProxyHeader,
    seeds: ['PROXY TCP4 192.0.2.7 192.0.2.1 56324 25\r\n'],
  },
  { name: 'uuencode', read: (t) => findUuBlocks(bytes(t)), seeds: ['begin 644 a\n#86)C\n`\nend\n'] },
  {
    name: 'HTML',
    read: (t) => [scanHtml(t), bottomOf(t), topOf(t)],
    seeds: [
      '<html><head><style>a</style></head><body a="b" c=\'d\'><!-- e --><script>f</script><textarea></textarea></body></html>',
    ],
  },
  {
    name: 'From',
    read: (t) => [readAuthor(t), seenAddresses(t)],
    seeds: ['"a \\"b" <c@d.test> (e), f@g.test, =?utf-8?Q?h?= <i@j.test>'],
  },
  { name: 'DKIM canonical form', read: relaxedField, seeds: ['Subject : a \r\n\t b  c \r\n'] },
  {
    name: 'S/MIME',
    read: (t) => signerOf(bytes(t)),
    seeds: [
      'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; boundary=b\r\n\r\n--b\r\n\r\na\r\n--b\r\nContent-Type: application/pkcs7-signature\r\nContent-Transfer-Encoding: base64\r\n\r\nMIAGCSqGSIb3DQEHAqCAMIACAQEx\r\n--b--\r\n',
    ],
  },
  {
    name: 'configuration',
    own: true,
    read: (t) => parseSource('a.yaml', t),
    seeds: ['a: &x [b, {c: d}]\ne: *x\nf: |\n  g\n"h": !!str i # j\n'],
  },
  {
    name: 'register',
    read: (t) => parseRegister('a.csv', t),
    seeds: ['domain,requirement,owner,approved-by\r\na.test,dane,"b ""c"", d",e f\r\n'],
  },
  {
    name: 'MTA-STS',
    read: (t) => [parsePolicy(t), policyId([t])],
    seeds: ['version: STSv1\r\nmode: enforce\r\nmx: *.a.test\r\nmax_age: 86400\r\n', 'v=STSv1; id=20261122;'],
  },
  {
    name: 'DNS packets',
    read: (t) => readResponse(bytes(t), { id: 1, name: 'a.test', type: 'TLSA' } as never),
    seeds: [
      '\0\x01\x81\x80\0\x01\0\x01\0\0\0\0\x01a\x04test\0\0\x34\0\x01\xc0\x0c\0\x34\0\x01\0\0\0\x3c\0\x03\x03\x01\x01',
    ],
  },
  {
    name: 'TLS reports',
    read: (t) => readTlsReport(t, REPORT_LIMITS),
    seeds: [
      '{"organization-name":"a","date-range":{"start-datetime":"2026-11-22T00:00:00Z","end-datetime":"2026-11-22T23:59:59Z"},"report-id":"b","policies":[{"policy":{"policy-type":"sts","policy-domain":"c.test","mx-host":["d"]},"summary":{"total-successful-session-count":1,"total-failure-session-count":2},"failure-details":[{"result-type":"e","failed-session-count":2}]}]}',
    ],
  },
  {
    name: 'DMARC reports',
    read: (t) => readDmarcReport(t, REPORT_LIMITS),
    seeds: [
      '<?xml version="1.0"?><feedback><report_metadata><org_name>a</org_name><report_id>b</report_id><date_range><begin>1</begin><end>2</end></date_range></report_metadata><policy_published><domain>c.test</domain><p>none</p></policy_published><record><row><source_ip>1.2.3.4</source_ip><count>1</count></row><!-- d --><![CDATA[e]]>&amp;</record></feedback>',
    ],
  },
  {
    name: 'reports in mail',
    read: (t) => findReport(bytes(t), { kind: 'dmarc', bare: true, authservId: 'relay.test', limits: FOUND_LIMITS }),
    seeds: [
      `From: <a@b.test>\r\nAuthentication-Results: relay.test; dkim=pass header.d=b.test; spf=fail\r\n${MAIL}`,
      '\x1f\x8b\x08\0\0\0\0\0\0\x03\x4b\x04\0\x43\xbe\xb7\xe8\x01\0\0\0',
      'PK\x03\x04\x14\0\0\0\0\0\0\0\0\0\x43\xbe\xb7\xe8\x01\0\0\0\x01\0\0\0\x01\0\0\0xaPK\x01\x02',
    ],
  },
  {
    name: 'receipts',
    read: (t) => readReceipt(bytes(t), null),
    seeds: [
      '{"receipt":{"type":"a","version":1,"b":[{"c":null}]},"signature":{"algorithm":"Ed25519","keyId":"00","publicKey":"MCow","value":"YQ=="}}\n',
    ],
  },
  {
    name: 'certificates',
    read: (t) => [readCertificate(t), examine(t, 0)],
    seeds: [
      '-----BEGIN CERTIFICATE-----\nMIIBCzCBsaADAgECAgEB\n-----END CERTIFICATE-----\n',
      'MIIBCzCBsaADAgECAgEBMAoGCCqGSM49',
    ],
  },
  {
    name: 'names of places',
    read: (t) => [parseDestination(t), parseQueueId(t), parseDomain(t)],
    seeds: ['lmtp:[::1]:24', 'relay.test:25', '00KX3T9A001'],
  },
  {
    name: 'report addresses',
    read: (t) => [tagsOf(t), destinationsIn(t, true, 10)],
    seeds: ['v=DMARC1; p=none; rua=mailto:a@b.test!10m,https://c.test/d'],
  },
  {
    name: 'Rspamd answers',
    read: readRspamdAnswer,
    seeds: ['{"action":"add header","score":7.1,"required_score":15,"symbols":{"A":{"score":1,"options":["b"]}}}'],
  },
  {
    name: 'spamd answers',
    read: (t) => [readSpamdAnswer(t), readPong(t)],
    seeds: ['SPAMD/1.5 0 PONG\r\n', 'SPAMD/1.1 0 EX_OK\r\nContent-length: 3\r\nSpam: True ; 15.0 / 5.0\r\n\r\nA,B'],
  },
  {
    name: 'clamd answers',
    read: readScanReply,
    seeds: ['stream: Eicar-Test-Signature FOUND', 'INSTREAM size limit exceeded. ERROR'],
  },
  {
    name: 'ZIP',
    read: attachment('a.zip'),
    seeds: [
      'PK\x03\x04\x14\0\x01\0\x08\0\0\0\0\0\0\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\0\0abPK\x01\x02\x14\0\x14\0\x01\0\0\0PK\x05\x06\0\0\0\0\x01\0\x01\0\x2f\0\0\0\x20\0\0\0\0\0',
    ],
  },
  {
    name: 'PDF',
    read: attachment('a.pdf'),
    seeds: [
      '%PDF-1.7\n1 0 obj<</Type/XRef/Size 2/W[1 2 1]/Encrypt 2 0 R/ID[(a\\051)<62>]>>stream\nx\nendstream endobj\ntrailer<</Root 1 0 R/Encrypt<</Filter/Standard/V 5/R 6/U(u)/O<6f>/P -1>>>>\nstartxref\n9\n%%EOF',
    ],
  },
  {
    name: 'OLE',
    read: attachment('a.doc'),
    seeds: [
      `\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1${'\0'.repeat(18)}\x3e\0\x03\0\xfe\xff\x09\0\x06\0${'\x01\0\0\0'.repeat(120)}`,
    ],
  },
  {
    name: 'RAR, 7-Zip',
    read: attachment('a.rar'),
    seeds: [
      'Rar!\x1a\x07\x01\0\x33\x92\xb5\xe5\x0a\x01\x05\x06',
      "7z\xbc\xaf'\x1c\0\x04\x01\x02\x03\x04\0\0\0\0\0\0\0\0\x20\0\0\0\0\0\0\0",
      'Rar!\x1a\x07\0\xcf\x90\x73\0\0\x0d\0\0\0',
    ],
  },
  { name: 'attached mail', read: attachment('a.eml'), seeds: [MAIL, 'begin 644 a\n#86)C\n`\nend\n'] },
  {
    name: 'PGP',
    read: attachment('a.asc'),
    seeds: [
      '-----BEGIN PGP MESSAGE-----\nVersion: a\n\nhQEMAw==\n=abcd\n-----END PGP MESSAGE-----\n',
      '\x85\x01\x0c\x03abc\xd2\x05',
    ],
  },
]
