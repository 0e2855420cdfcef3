import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { before, type TestContext } from 'node:test'
import fc from 'fast-check'
import { Authorities } from '../../../src/certificates/chain.ts'
import { examine } from '../../../src/certificates/examine.ts'
import { readExtensions } from '../../../src/certificates/extensions.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { AUTHORITY, type IssueOptions, issue, MAIL_USE } from '../../support/openssl.ts'
import { DAY_MS } from './harness.ts'

let folder: string
before((t) => {
  folder = temporaryFolder(t as TestContext)
})

const made = (options: IssueOptions = {}) => issue(folder, 'test', { emails: ['a@b.example'], ...options })
const problems = (options: IssueOptions, now = Date.now()) => examine(made(options).pem, now).problems

test('an RSA certificate for mail is taken, with every address that it names', () => {
  const emails = ['A@B.example', 'c@d.example', 'a@b.example']
  const found = examine(
    made({ emails, extensions: MAIL_USE, subject: '/CN=Ward/emailAddress=e@f.example' }).pem,
    Date.now(),
  )
  assert.deepEqual(found.problems, [])
  assert.deepEqual(found.emails, ['a@b.example', 'c@d.example', 'e@f.example'])
  assert.equal(found.subject, 'CN=Ward, emailAddress=e@f.example')
  assert.match(found.fingerprint, /^[0-9a-f]{64}$/)
})

test('DER in base64 is the same certificate', () => {
  const { pem } = made()
  const base64 = new X509Certificate(pem).raw.toString('base64')
  assert.equal(examine(base64, Date.now()).fingerprint, examine(pem, Date.now()).fingerprint)
})

test('keys that nothing can be encrypted with are refused in words', () => {
  assert.match(problems({ key: 'ec' })[0] ?? '', /not supported \(EC, prime256v1\): only RSA is/)
  assert.match(problems({ key: 'ed25519' })[0] ?? '', /not supported \(ed25519\)/)
  assert.match(problems({ key: 'rsa-pss' })[0] ?? '', /RSASSA-PSS signatures only/)
  assert.match(problems({ key: 'rsa-1024' })[0] ?? '', /has 1024 bits, and at least 2048/)
})

test('a certificate that is not meant for encrypted mail is refused in words', () => {
  const signing = problems({ extensions: ['keyUsage=digitalSignature,nonRepudiation'] })
  assert.match(signing[0] ?? '', /allows digitalSignature, nonRepudiation, but not keyEncipherment/)
  assert.match(problems({ extensions: ['extendedKeyUsage=serverAuth'] })[0] ?? '', /not for mail/)
  assert.deepEqual(problems({ extensions: ['extendedKeyUsage=anyExtendedKeyUsage'] }), [])
  assert.match(problems({ extensions: ['1.2.3.4=critical,DER:0500'] })[0] ?? '', /critical extensions .* 1\.2\.3\.4/)
  assert.deepEqual(problems({ extensions: ['1.2.3.4=DER:0500'] }), [])
})

test('one that has expired is refused, at the very moment; one that is not valid yet is warned of', () => {
  const { pem } = made({ days: 2 })
  const { notAfter, notBefore } = examine(pem, Date.now())
  assert.deepEqual(examine(pem, notAfter - 1).problems, [])
  assert.match(examine(pem, notAfter).problems[0] ?? '', /^it expired on \d{4}-\d\d-\d\d$/)
  assert.match(examine(pem, notBefore - 1).warnings[0] ?? '', /not valid before/)
  assert.deepEqual(examine(pem, notBefore).warnings, [])
})

test('files that are no certificate, too large, or nested without end are refused in words, and soon', () => {
  const nested = Buffer.concat(Array.from({ length: 4000 }, () => Buffer.of(0x30, 0x80))).toString('base64')
  for (const text of ['', 'junk', '\0', nested, 'x'.repeat(1_000_000), made().pem.slice(0, 500)])
    assert.throws(() => examine(text, Date.now()), /^Error: it is (no certificate, or a damaged one|larger than)/)
})

test('whatever is done to the bytes of a certificate, it is examined or refused in words', () => {
  const whole = new X509Certificate(made({ extensions: MAIL_USE }).pem).raw
  const change = fc.record({ at: fc.nat(whole.length - 1), byte: fc.nat(255) })
  const damaged = fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    const bytes = Buffer.from(whole)
    for (const { at, byte } of changes) bytes[at] = byte
    return bytes
  })
  const started = performance.now()
  fc.assert(
    fc.property(damaged, (bytes) => {
      inWords(() => examine(bytes.toString('base64'), Date.now()))
      inWords(() => readExtensions(bytes))
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => inWords(() => readExtensions(bytes))),
    { numRuns: 500 },
  )
  assert.ok(performance.now() - started < 20_000)
})

function inWords(look: () => unknown): void {
  try {
    look()
  } catch (error) {
    assert.match((error as Error).message, /^it is/)
  }
}

test('a chain leads over the certificates between, and breaks with any of them', () => {
  const root = issue(folder, 'root', { extensions: AUTHORITY, days: 100 })
  const middle = issue(folder, 'middle', { by: root, extensions: AUTHORITY, days: 10 })
  const leaf = issue(folder, 'leaf', { by: middle, extensions: MAIL_USE, days: 50 })
  const authorities = new Authorities([root.pem])
  const x509 = new X509Certificate(leaf.pem)
  const now = Date.now()
  assert.equal(authorities.refusal(x509, [leaf.pem, middle.pem], now), null)
  assert.match(authorities.refusal(x509, [], now) ?? '', /no valid chain/)
  assert.match(authorities.refusal(x509, ['junk', leaf.pem], now) ?? '', /no valid chain/)
  assert.match(authorities.refusal(x509, [middle.pem], now + 11 * DAY_MS) ?? '', /no valid chain/)
  assert.equal(new Authorities([middle.pem]).refusal(x509, [], now), null)
})

const chainWith = (name: string, extensions: readonly string[], digest = 'sha256') => {
  const root = issue(folder, `root-${name}`, { extensions: AUTHORITY })
  const middle = issue(folder, `middle-${name}`, { by: root, extensions, digest })
  const leaf = issue(folder, `leaf-${name}`, { by: middle, extensions: MAIL_USE })
  return new Authorities([root.pem]).refusal(new X509Certificate(leaf.pem), [middle.pem], Date.now())
}

test('who may not sign certificates is no link of a chain', () => {
  assert.equal(chainWith('good', AUTHORITY), null)
  assert.match(chainWith('person', MAIL_USE) ?? '', /no valid chain/)
  assert.match(chainWith('usage', ['basicConstraints=critical,CA:TRUE', 'keyUsage=cRLSign']) ?? '', /no valid chain/)
  assert.match(chainWith('sha1', AUTHORITY, 'sha1') ?? '', /no valid chain/)
  const names = 'nameConstraints=critical,permitted;email:.example.org'
  assert.match(chainWith('names', [...AUTHORITY, names]) ?? '', /no valid chain/)
})

test('the length that an authority allows is kept', () => {
  const constraints = (length: number) => [`basicConstraints=critical,CA:TRUE,pathlen:${length}`]
  for (const [length, holds] of [
    [0, false],
    [1, true],
  ] as const) {
    const root = issue(folder, `short-${length}`, { extensions: constraints(length) })
    const middle = issue(folder, `between-${length}`, { by: root, extensions: AUTHORITY })
    const leaf = new X509Certificate(issue(folder, `end-${length}`, { by: middle, extensions: MAIL_USE }).pem)
    assert.equal(new Authorities([root.pem]).refusal(leaf, [middle.pem], Date.now()) === null, holds)
    assert.equal(new Authorities([root.pem]).refusal(new X509Certificate(middle.pem), [], Date.now()), null)
  }
})

test('certificates that all sign one another do not keep anybody busy', () => {
  const root = issue(folder, 'apart', { extensions: AUTHORITY })
  const own = issue(folder, 'own', { extensions: AUTHORITY, subject: '/CN=loop' })
  const loop = Array.from({ length: 20 }, () =>
    issue(folder, 'loop', { by: own, extensions: AUTHORITY, subject: '/CN=loop' }),
  )
  const leaf = new X509Certificate(issue(folder, 'looped', { by: own, extensions: MAIL_USE }).pem)
  const started = performance.now()
  assert.match(
    new Authorities([root.pem]).refusal(leaf, [own.pem, ...loop.map(({ pem }) => pem)], Date.now()) ?? '',
    /no/,
  )
  assert.ok(performance.now() - started < 2000)
})

test('an authorities file that is too large is refused', async () => {
  const file = join(folder, 'large.pem')
  writeFileSync(file, Buffer.alloc(5 * 1024 * 1024, 'x'))
  await assert.rejects(Authorities.read(file), /larger than/)
})
