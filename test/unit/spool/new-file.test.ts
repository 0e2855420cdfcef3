import assert from 'node:assert/strict'
import { constants, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { NewFile, pages } from '../../../src/spool/content/new-file.ts'

const FULL = 262_144
const PAGE = 4096

async function newFile(t: TestContext, work = true) {
  const folder = mkdtempSync(join(tmpdir(), 'postern-new-file-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'it')
  const writes = { work }
  return { path, writes, file: await NewFile.create('it', path, writes) }
}

/** How this process has the file open; null if it has not. */
function openFlags(path: string): number | null {
  for (const fd of readdirSync('/proc/self/fd')) {
    if (linkOf(fd) !== path) continue
    const [, flags] = /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'latin1')) ?? []
    return Number.parseInt(flags ?? '', 8)
  }
  return null
}

function linkOf(fd: string): string | null {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`)
  } catch {
    return null
  }
}

const isDirect = (path: string): boolean => ((openFlags(path) ?? 0) & constants.O_DIRECT) !== 0

/** A buffer full of the byte, of which so much is content. */
const stretch = (byte: number, length: number) => ({ buffer: pages(FULL).fill(byte), length })

const wanted = (stretches: readonly { buffer: Buffer; length: number }[]): Buffer =>
  Buffer.concat(stretches.map(({ buffer, length }) => Buffer.from(buffer.subarray(0, length))))

test('What is written past the cache ends where the content ends, and nothing that was in that memory before is with it.', async (t) => {
  const { file, path, writes } = await newFile(t)
  const stretches = [stretch(1, FULL), stretch(2, FULL), stretch(3, PAGE + 700)]
  const bytes = wanted(stretches)
  await file.append(stretches, true)
  assert.equal(isDirect(path), writes.work)
  const padded = readFileSync(path)
  assert.ok(padded.subarray(bytes.length).every((byte) => byte === 0))
  await file.finish()
  assert.ok(readFileSync(path).equals(bytes))
  assert.equal(openFlags(path), null)
})

test('Memory that does not lie on pages is written through the cache, as is all that comes later.', async (t) => {
  const { file, path, writes } = await newFile(t)
  const astray = {
    buffer: pages(FULL + PAGE)
      .fill(1)
      .subarray(100, 100 + FULL),
    length: FULL,
  }
  await file.append([astray], true)
  assert.equal(writes.work, false)
  assert.equal(isDirect(path), false)
  await file.append([stretch(2, 10)], true)
  await file.finish()
  assert.ok(readFileSync(path).equals(Buffer.concat([Buffer.alloc(FULL, 1), Buffer.alloc(10, 2)])))
})

test('Where files cannot be written past the cache, none is opened so.', async (t) => {
  const { file, path } = await newFile(t, false)
  assert.equal(isDirect(path), false)
  await file.append([stretch(1, 5000)], true)
  await file.finish()
  assert.equal(readFileSync(path).length, 5000)
})

test('A name that is there already is never written over.', async (t) => {
  const { file, path } = await newFile(t)
  await file.append([stretch(1, 5000)], false)
  await assert.rejects(NewFile.create('it', path, { work: true }), { code: 'EEXIST' })
  await assert.rejects(NewFile.create('it', path, { work: false }), { code: 'EEXIST' })
  await file.finish()
  assert.equal(readFileSync(path).length, 5000)
})

test('However stretches are written, the file holds their bytes in order.', async (t) => {
  const lengths = fc.oneof(
    fc.constant(FULL),
    fc.integer({ min: 1, max: FULL }),
    fc.integer({ min: 1, max: 64 }).map((n) => n * PAGE),
  )
  const calls = fc.array(fc.record({ direct: fc.boolean(), full: fc.nat(2), last: lengths }), {
    minLength: 1,
    maxLength: 4,
  })
  await fc.assert(
    fc.asyncProperty(calls, async (all) => {
      const { file, path } = await newFile(t)
      const bytes: Buffer[] = []
      for (const [i, { direct, full, last }] of all.entries()) {
        const stretches = [
          ...Array.from({ length: full }, (_, n) => stretch(16 * i + n, FULL)),
          stretch(16 * i + 9, last),
        ]
        bytes.push(wanted(stretches))
        await file.append(stretches, direct)
      }
      await file.finish()
      return readFileSync(path).equals(Buffer.concat(bytes))
    }),
    { numRuns: 25 },
  )
})
