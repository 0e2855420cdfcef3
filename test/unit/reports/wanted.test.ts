import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { XMLParser } from 'fast-xml-parser'
import { destinationsIn, parseDestination } from '../../../src/reports/outgoing/uri.ts'
import { dmarcWanted, tlsWanted } from '../../../src/reports/outgoing/wanted.ts'
import { writeXml } from '../../../src/reports/outgoing/xml.ts'
import { zoneResolver } from '../../support/zone.ts'

const uris = (text: string, withSize = false) => destinationsIn(text, withSize, 10).map(({ uri }) => uri)

test('rua is a list of mailto and https, each once, and of so many at the most', () => {
  assert.deepEqual(uris('mailto:a@b.test, HTTPS://h.test/x ,mailto:a@b.test,http://h.test/,ftp:x,mailto:'), [
    'mailto:a@b.test',
    'https://h.test/x',
  ])
  assert.deepEqual(uris('mailto:a%2Bb@c.test?subject=x'), ['mailto:a+b@c.test'])
  assert.deepEqual(uris('mailto:%zz@c.test,https://user:secret@h.test/'), [])
  assert.equal(destinationsIn('mailto:a@b.test,mailto:b@b.test,mailto:c@b.test', false, 2).length, 2)
})

test('a size may follow in DMARC', () => {
  const sizeOf = (text: string) => {
    const found = parseDestination(text, true)
    return found?.by === 'mail' ? found.maxBytes : undefined
  }
  assert.equal(sizeOf('mailto:a@b.test!10m'), 10 * 1024 * 1024)
  assert.equal(sizeOf('mailto:a@b.test!50'), 50)
  assert.equal(sizeOf('mailto:a@b.test'), null)
})

test('a record must be the only one, of its version, with each tag once', async () => {
  const ask = (...txt: string[]) => tlsWanted('x.test', zoneResolver({ '_smtp._tls.x.test': { txt } }), 5)
  assert.equal((await ask('v=TLSRPTv1; rua=mailto:a@b.test')).is, 'found')
  assert.equal((await ask('v=TLSRPTv1;rua=mailto:a@b.test', 'something else')).is, 'found')
  for (const txt of [
    ['v=TLSRPTv2; rua=mailto:a@b.test'],
    ['v=TLSRPTv1; rua=mailto:a@b.test; rua=mailto:c@d.test'],
    ['v=TLSRPTv1'],
    ['v=TLSRPTv10; rua=mailto:a@b.test'],
  ]) {
    assert.equal((await ask(...txt)).is, 'nobody', txt.join())
  }
})

test('a DNS that does not answer about consent is asked again later', async () => {
  const zone = { '_dmarc.x.test': { txt: ['v=DMARC1; p=none; rua=mailto:a@y.test'] } }
  const resolver = zoneResolver(zone, ['txt x.test._report._dmarc.y.test'])
  assert.equal((await dmarcWanted('x.test', resolver, 5)).is, 'failed')
})

test('whatever the text, the XML that holds it is well-formed and gives it back', () => {
  const parser = new XMLParser({
    parseTagValue: false,
    trimValues: false,
    processEntities: true,
    ignoreDeclaration: true,
  })
  // what XML cannot hold is replaced
  const holdable = fc
    .string({ unit: 'grapheme', minLength: 1 })
    .filter((text) => text.trim() !== '' && !/[\p{Cc}\ufffe\uffff]/u.test(text))
  fc.assert(fc.property(holdable, (text) => assert.equal(parser.parse(writeXml(['a', text])).a, text)))
  assert.equal(writeXml(['a', '\u0000]]>\ud800']).split('\n')[1], '<a>\ufffd]]&gt;\ufffd</a>')
})
