import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test, { before, type TestContext } from 'node:test'
import { CertificatesRefused } from '../../../src/certificates/contract.ts'
import { manualClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { AUTHORITY, type Issued, issue, MAIL_USE } from '../../support/openssl.ts'
import { adding, address, DAY_MS, opened } from './harness.ts'

let authority: Issued
let ward: Issued
let renewed: Issued
let pair: Issued
let stranger: Issued

before((t) => {
  const folder = temporaryFolder(t as TestContext)
  authority = issue(folder, 'authority', { extensions: AUTHORITY, days: 4000 })
  const more = { by: authority, extensions: MAIL_USE }
  ward = issue(folder, 'ward', { ...more, emails: ['Ward7@City.example'], days: 20 })
  renewed = issue(folder, 'renewed', { ...more, emails: ['ward7@city.example'], days: 400 })
  pair = issue(folder, 'pair', { ...more, emails: ['a@city.example', 'b@city.example'], days: 400 })
  stranger = issue(folder, 'stranger', { emails: ['s@city.example'], extensions: MAIL_USE })
})

const fingerprints = (found: readonly { readonly fingerprint: string }[]) => found.map(({ fingerprint }) => fingerprint)

test('what was added is found by its address, whatever the case, and after a restart', async (t) => {
  const folder = temporaryFolder(t)
  const store = await opened(t, folder)
  const { stored, results } = await store.add(adding([ward.pem]))
  assert.ok(stored)
  assert.deepEqual(results[0]?.addresses, ['ward7@city.example'])
  const found = store.find(address('WARD7@CITY.EXAMPLE'))
  assert.equal(found[0]?.pem, ward.pem)
  await store.close()
  assert.deepEqual((await opened(t, folder)).find(address('ward7@city.example')), found)
  assert.deepEqual(store.find(address('nobody@city.example')), [])
})

test('the file is for its owner alone', async (t) => {
  const folder = temporaryFolder(t)
  await opened(t, folder)
  assert.equal(statSync(join(folder, 'certificates.jsonl')).mode & 0o777, 0o600)
})

test('of several the newest comes first, and what has expired is no longer given', async (t) => {
  const clock = manualClock(Date.now())
  const store = await opened(t, temporaryFolder(t), {}, clock)
  await store.add(adding([ward.pem, renewed.pem]))
  assert.equal(store.find(address('ward7@city.example')).length, 2)
  assert.deepEqual(store.summary(), { usable: 2, expiring: 1, damage: null })
  await clock.advance(21 * DAY_MS)
  assert.deepEqual(
    store.find(address('ward7@city.example')).map(({ pem }) => pem),
    [renewed.pem],
  )
  const states = store.list({ limit: 10 }).entries.map(({ state }) => state)
  assert.deepEqual(states, ['expired', 'usable'])
})

test('one that is refused keeps all of them out; a check changes nothing', async (t) => {
  const store = await opened(t, temporaryFolder(t))
  const { stored, results } = await store.add(adding([ward.pem, 'junk']))
  assert.equal(stored, false)
  assert.deepEqual(results[0]?.problems, [])
  assert.deepEqual(results[1]?.problems, ['it is no certificate, or a damaged one'])
  assert.equal((await store.add(adding([ward.pem], { check: true }))).stored, false)
  assert.deepEqual(store.list({ limit: 10 }).entries, [])
})

test('an address of the operator counts, with a warning if the certificate names somebody else', async (t) => {
  const store = await opened(t, temporaryFolder(t))
  const { results } = await store.add(adding([ward.pem], { address: address('gp@practice.example') }))
  assert.deepEqual(results[0]?.warnings, ['it is stored for gp@practice.example, but names ward7@city.example'])
  assert.equal(store.find(address('gp@practice.example')).length, 1)
  assert.equal(store.find(address('ward7@city.example')).length, 0)
})

test('what an operator withdraws is not used again, and stays in the record with who and when', async (t) => {
  const folder = temporaryFolder(t)
  const clock = manualClock(Date.now())
  const store = await opened(t, folder, {}, clock)
  const { results } = await store.add(adding([pair.pem]))
  assert.equal((await store.expire('A@city.example', 'bob')).length, 1)
  assert.deepEqual(store.find(address('a@city.example')), [])
  assert.equal(store.find(address('b@city.example')).length, 1)
  const upper = results[0]?.fingerprint?.toUpperCase().replace(/..(?=.)/g, '$&:') ?? ''
  assert.deepEqual(fingerprints(await store.expire(upper, 'carol')), [results[0]?.fingerprint])
  assert.deepEqual(await store.expire('nobody@city.example', 'bob'), [])
  await store.close()
  const { entries } = (await opened(t, folder, {}, clock)).list({ limit: 10 })
  assert.deepEqual(
    entries.map(({ address: of, state, withdrawnBy, withdrawnAt }) => [of, state, withdrawnBy, withdrawnAt]),
    [
      ['a@city.example', 'withdrawn', 'bob', clock.now()],
      ['b@city.example', 'withdrawn', 'carol', clock.now()],
    ],
  )
})

test('an operator may add again what was withdrawn, and hears of it', async (t) => {
  const store = await opened(t, temporaryFolder(t))
  await store.add(adding([ward.pem]))
  await store.expire('ward7@city.example', 'bob')
  const { results } = await store.add(adding([ward.pem]))
  assert.deepEqual(results[0]?.warnings, ['bob had withdrawn it for ward7@city.example'])
  assert.equal(store.find(address('ward7@city.example')).length, 1)
  assert.equal(store.list({ limit: 10 }).entries.length, 1)
})

test('lists come in pages, by address or fingerprint, or by what expires soon', async (t) => {
  const store = await opened(t, temporaryFolder(t))
  await store.add(adding([ward.pem, renewed.pem, pair.pem]))
  const first = store.list({ limit: 3 })
  assert.equal(first.entries.length, 3)
  const second = store.list({ limit: 3, ...(first.next !== null && { after: first.next }) })
  assert.deepEqual([second.entries.map(({ address: of }) => of), second.next], [['b@city.example'], null])
  assert.equal(store.list({ of: 'ward7@city.example', limit: 10 }).entries.length, 2)
  assert.equal(store.list({ of: second.entries[0]?.fingerprint ?? '', limit: 10 }).entries.length, 2)
  const soon = store.list({ expiringBefore: Date.now() + 30 * DAY_MS, limit: 10 })
  assert.deepEqual(
    soon.entries.map(({ pem }) => pem),
    [ward.pem],
  )
})

test('a full store refuses more, and keeps what it has', async (t) => {
  const store = await opened(t, temporaryFolder(t), { limit: 2 })
  await store.add(adding([pair.pem]))
  await assert.rejects(store.add(adding([ward.pem])), CertificatesRefused)
  assert.equal(store.summary().usable, 2)
  await store.expire('a@city.example', 'bob')
})

test('with trust: chain an operator too can only add what an authority has signed', async (t) => {
  const store = await opened(t, temporaryFolder(t), { trust: 'chain', authorities: authority.pemFile })
  assert.ok((await store.add(adding([ward.pem]))).stored)
  const { stored, results } = await store.add(adding([stranger.pem]))
  assert.equal(stored, false)
  assert.deepEqual(results[0]?.problems, ['no valid chain leads from it to an authority of ours'])
  const use = await store.prepare({ trust: 'pinned', authorities: null })
  assert.equal((await store.add(adding([stranger.pem]))).stored, false)
  use()
  assert.ok((await store.add(adding([stranger.pem]))).stored)
})

test('an authorities file that is missing or holds none is said so, and changes nothing', async (t) => {
  const folder = temporaryFolder(t)
  const store = await opened(t, folder)
  await assert.rejects(store.prepare({ trust: 'pinned', authorities: '/nowhere.pem' }), /authorities: \/nowhere\.pem/)
  await assert.rejects(store.prepare({ trust: 'pinned', authorities: ward.pemFile }), /ward is not an authority/)
  assert.ok((await store.add(adding([ward.pem]))).stored)
})

test('what is learnt needs a chain, the author as its address, and no operator against it', async (t) => {
  const store = await opened(t, temporaryFolder(t), { authorities: authority.pemFile })
  const learn = (issued: Issued, of: string) =>
    store.learn({ certificate: issued.pem, chain: [], address: address(of) })
  assert.deepEqual(await learn(ward, 'ward7@city.example'), { taken: true, why: null })
  assert.equal(store.list({ limit: 1 }).entries[0]?.how, 'learnt')
  assert.equal((await learn(ward, 'ward7@city.example')).why, 'it is known already')
  assert.match((await learn(renewed, 'gp@practice.example')).why ?? '', /does not name the author/)
  assert.match((await learn(stranger, 's@city.example')).why ?? '', /no valid chain/)
  await store.expire('ward7@city.example', 'bob')
  assert.equal((await learn(ward, 'ward7@city.example')).taken, false)
  assert.deepEqual(store.find(address('ward7@city.example')), [])
})

test('nothing is learnt without authorities', async (t) => {
  const store = await opened(t, temporaryFolder(t))
  const { why } = await store.learn({ certificate: ward.pem, chain: [], address: address('ward7@city.example') })
  assert.match(why ?? '', /no authorities are configured/)
})

async function written(t: TestContext): Promise<{ folder: string; file: string }> {
  const folder = temporaryFolder(t)
  const store = await opened(t, folder)
  await store.add(adding([ward.pem]))
  await store.add(adding([renewed.pem]))
  await store.close()
  return { folder, file: join(folder, 'certificates.jsonl') }
}

test('a last line that was never written to its end is as if it had never begun', async (t) => {
  const { folder, file } = await written(t)
  for (const tail of ['{"do":"expire","at":1', `${'\0'.repeat(4096)}rest of a line"}\n`]) {
    const whole = readFileSync(file)
    appendFileSync(file, tail)
    const store = await opened(t, folder)
    assert.deepEqual(store.summary(), { usable: 2, expiring: 1, damage: null })
    await store.close()
    assert.deepEqual(readFileSync(file), whole)
  }
})

test('wherever one bit of the file has turned over, the store is out of use', async (t) => {
  const { folder, file } = await written(t)
  const whole = readFileSync(file)
  for (let at = 3; at < whole.length; at += 97) {
    const damaged = Buffer.from(whole)
    damaged[at] = (damaged[at] ?? 0) ^ 1
    writeFileSync(file, damaged)
    const store = await opened(t, folder)
    assert.deepEqual(store.find(address('ward7@city.example')), [], `byte ${at}`)
    assert.ok(store.summary().damage !== null, `byte ${at}`)
    await store.close()
  }
})

test('a damaged line puts the whole store out of use, says where it is, and is left as it stands', async (t) => {
  const { folder, file } = await written(t)
  const damaged = readFileSync(file, 'utf8').replace('"at"', '"a')
  writeFileSync(file, damaged)
  const store = await opened(t, folder)
  assert.match(store.summary().damage ?? '', /certificates\.jsonl: line 1 is damaged/)
  assert.deepEqual(store.find(address('ward7@city.example')), [])
  await assert.rejects(store.add(adding([pair.pem])), CertificatesRefused)
  await store.close()
  assert.equal(readFileSync(file, 'utf8'), damaged)
})

test('changes at the same time happen one after the other', async (t) => {
  const store = await opened(t, temporaryFolder(t))
  const [, withdrawn] = await Promise.all([store.add(adding([ward.pem])), store.expire('ward7@city.example', 'bob')])
  assert.equal(withdrawn.length, 1)
})
