import assert from 'node:assert/strict'
import {
  chmodSync,
  chownSync,
  lstatSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { withEntries, withRetired } from '../../../../src/config/secure-domains/edit.ts'
import { entriesOf } from '../../../../src/config/secure-domains/file.ts'
import { changeRegister, RegisterFaulty } from '../../../../src/config/secure-domains/write.ts'
import { needRoot } from '../../../support/components.ts'
import { run } from '../../../support/process.ts'
import { entry, HEADER, line, registerFrom, registerOnDisk } from './support.ts'

const LIKE = fileURLToPath(import.meta.url)
const b = () => entry({ domain: 'b.test' })

test('a change writes the new line, and every other byte stays', (t) => {
  const quoted = line({ domain: '"a.test"', owner: '"Trust, the"' })
  const { file } = registerOnDisk(t, '# ours', quoted, '', line({ domain: 'b.test', 'min-tls': 'TLSv1.3' }), '# end')
  changeRegister(file, LIKE, (register) => withEntries(register, [b(), entry({ domain: 'c.test' })]))
  const expected = [
    HEADER,
    '# ours',
    quoted,
    '',
    line({ domain: 'b.test', 'next-hop': '' }),
    '# end',
    line({ domain: 'c.test' }),
  ]
  assert.equal(readFileSync(file, 'utf8'), `${expected.join('\n')}\n`)
})

test('an entry that says the same already is not written anew', (t) => {
  const { file } = registerOnDisk(t, line({ domain: 'B.test' }))
  changeRegister(file, LIKE, (register) => withEntries(register, [b()]))
  assert.match(readFileSync(file, 'utf8'), /^B\.test,/m)
})

test('who retires a domain, and why, stands above its line, on one line whatever it says', (t) => {
  const { file } = registerOnDisk(t, line(), line({ domain: 'b.test' }))
  changeRegister(file, LIKE, (register) => withRetired(register, 'b.test', 'retired by ada: moved\nb.test,no'))
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  assert.deepEqual(lines.slice(2), ['# retired by ada: moved b.test,no', line({ domain: 'b.test', status: 'retired' })])
})

test('a new file has the mode of its model, but for the execute bits, and its header', (t) => {
  const { file } = registerOnDisk(t)
  rmSync(file)
  const like = join(dirname(file), 'postern.yaml')
  writeFileSync(like, '')
  chmodSync(like, 0o751)
  changeRegister(file, like, (register) => withEntries(register, [b()]))
  assert.equal(readFileSync(file, 'utf8'), `${HEADER}\n${line({ domain: 'b.test' })}\n`)
  assert.equal(statSync(file).mode & 0o777, 0o640)
  assert.deepEqual(readdirSync(dirname(file)).sort(), ['postern.yaml', 'secure-domains.csv', 'secure-domains.csv.lock'])
})

test('owner and mode stay', (t) => {
  if (!needRoot(t)) return
  const { file } = registerOnDisk(t)
  chmodSync(file, 0o604)
  chownSync(file, 65534, 1234)
  changeRegister(file, LIKE, (register) => withEntries(register, [b()]))
  const { uid, gid, mode } = statSync(file)
  assert.deepEqual([uid, gid, mode & 0o777], [65534, 1234, 0o604])
})

test('a link stays a link', (t) => {
  const { file } = registerOnDisk(t)
  const link = join(dirname(file), 'link.csv')
  symlinkSync(file, link)
  changeRegister(link, LIKE, (register) => withEntries(register, [b()]))
  assert.ok(lstatSync(link).isSymbolicLink())
  assert.match(readFileSync(file, 'utf8'), /b\.test/)
})

test('a register with a mistake is not touched, and the mistakes are told', (t) => {
  const { file } = registerOnDisk(t, line({ status: 'on' }))
  const before = readFileSync(file, 'utf8')
  assert.throws(
    () => changeRegister(file, LIKE, (register) => withEntries(register, [b()])),
    (error) => error instanceof RegisterFaulty && /:2:\d+: status:/.test(error.problems.join()),
  )
  assert.equal(readFileSync(file, 'utf8'), before)
})

test('a change that throws, and one that would write what cannot be read again, change nothing', (t) => {
  const { file } = registerOnDisk(t, line())
  const before = readFileSync(file, 'utf8')
  assert.throws(() =>
    changeRegister(file, LIKE, () => {
      throw new Error('no')
    }),
  )
  const broken = { ...b(), owner: 'two\nlines' }
  assert.throws(() => changeRegister(file, LIKE, (register) => withEntries(register, [broken])), RegisterFaulty)
  assert.equal(readFileSync(file, 'utf8'), before)
  assert.deepEqual(
    readdirSync(dirname(file)).filter((name) => name.endsWith('.tmp')),
    [],
  )
})

test('many writers at once lose nothing', async (t) => {
  const { file } = registerOnDisk(t, '# kept')
  const room = new URL('../../../../src/config/secure-domains/', import.meta.url).pathname
  const writer = `
    import { changeRegister } from '${room}write.ts'
    import { withEntries } from '${room}edit.ts'
    const [file, like, name] = process.argv.slice(1)
    for (let i = 0; i < 10; i++) {
      changeRegister(file, like, (register) =>
        withEntries(register, [{ ...${JSON.stringify(b())}, domain: 'd' + i + '.' + name + '.test' }]))
    }`
  const ended = await Promise.all(
    ['one', 'two', 'three'].map((name) =>
      run(process.execPath, ['--input-type=module', '-e', writer, file, LIKE, name]),
    ),
  )
  for (const { code, stderr } of ended) assert.equal(code, 0, stderr)
  const found = registerFrom(readFileSync(file, 'utf8'))
  assert.equal(new Set(entriesOf(found).map(({ domain }) => domain)).size, 30)
  assert.equal(found.lines[1]?.text, '# kept')
})
