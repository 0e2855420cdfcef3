/** Messages as programs write them, for a text to be put into. Binary strings with LF, to be turned into CRLF. */

export const OUTLOOK = `From: "Ward, A" <a@client.test>
To: b@elsewhere.test
Subject: Results
Thread-Topic: Results
MIME-Version: 1.0
Content-Type: multipart/mixed;
	boundary="_004_LO2P265MB0001_"
X-MS-Has-Attach: yes

--_004_LO2P265MB0001_
Content-Type: multipart/alternative;
	boundary="_000_LO2P265MB0001_"

--_000_LO2P265MB0001_
Content-Type: text/plain; charset="Windows-1252"
Content-Transfer-Encoding: quoted-printable

Dear colleague,

please find the patient=92s results attached.

--_000_LO2P265MB0001_
Content-Type: text/html; charset="Windows-1252"
Content-Transfer-Encoding: quoted-printable

<html xmlns:o=3D"urn:schemas-microsoft-com:office:office">
<head>
<meta http-equiv=3D"Content-Type" content=3D"text/html; charset=3DWindows-1=
252">
<style><!-- p.MsoNormal {margin:0cm;} </body> --></style><!--[if gte mso 9]><xml>
</xml><![endif]-->
</head>
<body lang=3D"EN-GB" link=3D"#0563C1">
<p class=3D"MsoNormal">please find the patient=92s results attached.</p></b=
ody>
</html>

--_000_LO2P265MB0001_--

--_004_LO2P265MB0001_
Content-Type: application/pdf; name="results.pdf"
Content-Description: results.pdf
Content-Disposition: attachment; filename="results.pdf"; size=9;
	creation-date="Mon, 02 Nov 2026 10:00:00 GMT"
Content-Transfer-Encoding: base64

JVBERi0xLjcK

--_004_LO2P265MB0001_--
`

export const APPLE_MAIL = `From: A <a@client.test>
Content-Type: multipart/alternative;
	boundary="Apple-Mail=_0C1A"
Mime-Version: 1.0 (Mac OS X Mail 16.0 \\(3774\\))
Subject: Scan

--Apple-Mail=_0C1A
Content-Transfer-Encoding: 7bit
Content-Type: text/plain;
	charset=us-ascii

Here it is:

And so on.

--Apple-Mail=_0C1A
Content-Type: multipart/mixed;
	boundary="Apple-Mail=_77F2"

--Apple-Mail=_77F2
Content-Transfer-Encoding: 7bit
Content-Type: text/html;
	charset=us-ascii

<html><head></head><body>Here it is:<br></body></html>
--Apple-Mail=_77F2
Content-Disposition: inline;
	filename=scan.pdf
Content-Type: application/pdf;
	x-unix-mode=0644;
	name="scan.pdf"
Content-Transfer-Encoding: base64

JVBERi0xLjcK
--Apple-Mail=_77F2
Content-Transfer-Encoding: 7bit
Content-Type: text/html;
	charset=us-ascii

<html><head></head><body>And so on.</body></html>
--Apple-Mail=_77F2--

--Apple-Mail=_0C1A--
`

export const MOBILE = `From: a@client.test
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64
Mime-Version: 1.0 (1.0)
X-Mailer: iPhone Mail (21A329)

T24gbXkgd2F5IOKAkyBiYWNrIHNvb24uDQoNClNlbnQgZnJvbSBteSBpUGhvbmU=
`

export const ANDROID = `From: a@client.test
MIME-Version: 1.0
Content-Type: multipart/related; type="text/html"; boundary="--_com.example.email_1"

----_com.example.email_1
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PGh0bWw+PGJvZHk+T24gbXkgd2F5PGltZyBzcmM9ImNpZDoxIj48L2JvZHk+PC9odG1sPg==

----_com.example.email_1
Content-Type: image/png; name="1.png"
Content-Transfer-Encoding: base64
Content-ID: <1>

iVBORw0KGgo=

----_com.example.email_1--
`

export const DEVICE = `From: scanner@client.test
To: b@elsewhere.test
Subject: Alarm

Pump 7: occlusion.
`

export const FORWARDED = `From: a@client.test
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=outer

--outer
Content-Type: text/plain; charset=utf-8; format=flowed
Content-Transfer-Encoding: 7bit

See below.

--outer
Content-Type: message/rfc822
Content-Disposition: attachment; filename="ForwardedMessage.eml"

From: c@elsewhere.test
Subject: inner
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=inner

--inner
Content-Type: text/plain

The old text.
--inner
Content-Type: text/html

<p>The old text.</p>
--inner--

--outer--
`

export const TEXT_ATTACHED = `From: a@client.test
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain; name="log.txt"
Content-Disposition: attachment; filename="log.txt"

A log.
--b
Content-Type: text/plain; charset=utf-8

The text.
--b
Content-Type: text/html; name="page.html"
Content-Disposition: inline; filename="page.html"

<p>A page.</p>
--b--
`

const INVITATION = `From: a@client.test
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary=b

--b
Content-Type: text/plain

Clinic on Monday.
--b
Content-Type: text/html

<p>Clinic on Monday.</p>
--b
Content-Type: text/calendar; charset=utf-8; method=REQUEST

BEGIN:VCALENDAR
END:VCALENDAR
--b--
`

const SIGNED = `From: a@client.test
MIME-Version: 1.0
Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256; boundary=b

--b
Content-Type: text/plain

Signed.
--b
Content-Type: application/pkcs7-signature; name=smime.p7s
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename=smime.p7s

MIIB
--b--
`

const DSN = `From: postmaster@client.test
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary=b

--b

It could not be delivered.
--b
Content-Type: message/delivery-status

Reporting-MTA: dns; relay.client.test
--b--
`

const plain = (text: string) => `From: a@client.test\nContent-Type: text/plain\n\n${text}\n`
const of = (type: string, body = 'MIIB') => `From: a@client.test\nMIME-Version: 1.0\nContent-Type: ${type}\n\n${body}\n`
const mixed = (...parts: string[]) =>
  of('multipart/mixed; boundary=m', `${parts.map((part) => `--m\n${part}\n`).join('')}--m--`)

/** Messages that must stay as they are, and why. */
export const LEFT_ALONE: readonly (readonly [what: string, message: string, reason: string])[] = [
  ['an invitation', INVITATION, 'calendar'],
  ['a calendar alone', of('text/calendar; method=REPLY', 'BEGIN:VCALENDAR'), 'calendar'],
  ['S/MIME, signed', SIGNED, 'signed'],
  [
    'what is signed within a list’s wrapping',
    mixed('Content-Type: text/plain\n\nx', SIGNED.slice(SIGNED.indexOf('Content-Type'))),
    'signed',
  ],
  ['S/MIME, encrypted', of('application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m'), 'encrypted'],
  ['S/MIME under its old name', of('application/x-pkcs7-mime; name=smime.p7m'), 'encrypted'],
  [
    'PGP/MIME, encrypted',
    of(
      'multipart/encrypted; protocol="application/pgp-encrypted"; boundary=b',
      '--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: application/octet-stream\n\nx\n--b--',
    ),
    'encrypted',
  ],
  ['PGP in the text', plain('-----BEGIN PGP MESSAGE-----\n\nhQE\n-----END PGP MESSAGE-----'), 'pgp'],
  ['PGP signed text', plain('-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx'), 'pgp'],
  ['PGP in HTML', of('text/html', '<pre>-----BEGIN PGP MESSAGE-----</pre>'), 'pgp'],
  ['a notification of failure', DSN, 'report'],
  ['a receipt', DSN.replaceAll('delivery-status', 'disposition-notification'), 'report'],
  ['a fax', of('application/pdf'), 'no-body'],
  ['files only', mixed('Content-Type: application/pdf\n\nx'), 'no-body'],
  ['a message as the message', of('message/rfc822', 'Subject: x\n\nx'), 'no-body'],
  ['text as an attachment only', of('text/plain\nContent-Disposition: attachment; filename=x.txt', 'x'), 'no-body'],
  ['two types', of('text/plain\nContent-Type: text/html', 'x'), 'ambiguous'],
  [
    'two encodings',
    of('text/plain\nContent-Transfer-Encoding: base64\nContent-Transfer-Encoding: 7bit', 'x'),
    'ambiguous',
  ],
  ['no closing boundary', of('multipart/mixed; boundary=b', '--b\n\nx'), 'ambiguous'],
  ['no boundary', of('multipart/mixed', 'x'), 'ambiguous'],
  ['a part after the last', of('multipart/mixed; boundary=b', '--b\n\nx\n--b--\n--b\n\ny\n--b--'), 'ambiguous'],
  ['UTF-7', of('text/html; charset=utf-7', 'x'), 'ambiguous'],
  ['broken base64', of('text/plain\nContent-Transfer-Encoding: base64', '!!!!'), 'broken'],
]
