import { setImmediate as turn } from 'node:timers/promises'
import { crc32 } from 'node:zlib'
import { inspectPart } from '../../../../src/inspect/attachments/inspect.ts'
import { zipOf } from '../../../../test/unit/inspect/attachments/fixtures.ts'
import type { Proof, Prover } from '../part.ts'
import { type Random, randomOf } from '../random.ts'
import { NO_CORPORA, type RealFile, realFiles } from './corpora.ts'

const OWN: readonly RealFile[] = [
  {
    name: 'own.zip',
    bytes: zipOf([
      { name: 'a.txt', method: 8, data: 'x'.repeat(500) },
      { name: 'b.txt', flags: 1 },
    ]),
  },
  { name: 'wide.zip', bytes: zipOf([{ name: 'a.txt', described: true }], { wide: true }) },
  { name: 'nested.zip', bytes: zipOf([{ name: 'in.zip', data: zipOf([{ name: 'a.zip', data: zipOf([]) }]) }]) },
]
/** Sizes, counts, offsets and chains are what readers of archives trust too far. */
const NUMBERS = [0, 1, 2, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, 0xffff_ffff]
const KINDS: Readonly<Record<string, RegExp>> = {
  ZIP: /\.(zip|docx|xlsx|pptx|odt)$/i,
  RAR: /\.rar$/i,
  '7-Zip': /\.7z$/i,
  OLE: /\.(doc|xls|ppt|msg)$/i,
  'other files': /./,
}
const TOO_LONG_MS = 20_000

interface Row {
  readonly kind: string
  texts: number
  clean: number
  slowestMs: number
}

/** Archives and documents whose sizes, offsets and order are altered, with their checksums made right again. */
export async function proveContainers(prover: Prover): Promise<Proof> {
  const random = randomOf(prover.seed)
  const real = realFiles()
  const rows: Row[] = []
  const wrong: string[] = []
  const each = Math.ceil(prover.amount('mutations') / 2)
  for (const [kind, files] of byKind([...OWN, ...real])) {
    const row = { kind, texts: 0, clean: 0, slowestMs: 0 }
    for (; row.texts < each && !prover.isOver(); row.texts++) {
      await turn()
      const file = random.pick(files)
      const what = look(row, file.name, alteredFile(file.bytes, random))
      if (what !== null) wrong.push(what)
    }
    rows.push(row)
    prover.say(`${row.texts} altered files: ${kind}`)
  }
  return {
    tables: [
      {
        title: 'Archives and documents with altered sizes, offsets and order',
        columns: ['kind', 'files', 'still clean', 'slowest ms'],
        rows: rows.map(({ kind, texts, clean, slowestMs }) => [kind, texts, clean, Math.round(slowestMs)]),
      },
    ],
    promises: [
      {
        text: 'Each attachment gets a verdict in bounded time, however it is damaged.',
        kept: wrong.length === 0,
        detail: wrong[0] ?? `${rows.reduce((sum, { texts }) => sum + texts, 0)} looked at`,
      },
    ],
    notes: real.length === 0 ? [NO_CORPORA] : [],
  }
}

function byKind(files: readonly RealFile[]): ReadonlyMap<string, readonly RealFile[]> {
  const kinds = new Map<string, RealFile[]>()
  for (const file of files) {
    const kind = Object.keys(KINDS).find((name) => KINDS[name]?.test(file.name)) ?? 'other files'
    kinds.set(kind, [...(kinds.get(kind) ?? []), file])
  }
  return kinds
}

/** What went wrong, or null. */
function look(row: Row, name: string, bytes: Buffer): string | null {
  const shown = `${name}: ${bytes.toString('base64').slice(0, 4000)}`
  const started = process.cpuUsage().user
  try {
    const { state } = inspectPart({ filename: name, declaredType: null, bytes })
    if (state === 'clean') row.clean++
  } catch (error) {
    return `${error instanceof Error ? error.stack?.split('\n').slice(0, 3).join(' ') : String(error)} for ${shown}`
  }
  const ms = (process.cpuUsage().user - started) / 1000
  row.slowestMs = Math.max(row.slowestMs, ms)
  return ms > TOO_LONG_MS ? `${Math.round(ms)} ms for ${shown}` : null
}

/** One to four changes, and checksums that fit again. */
export function alteredFile(original: Buffer, random: Random): Buffer {
  let bytes: Buffer = Buffer.from(original)
  for (let n = 1 + random.below(4); n > 0 && bytes.length > 16; n--) bytes = change(bytes, random)
  return random.chance(0.8) ? mended(bytes) : bytes
}

function change(bytes: Buffer, random: Random): Buffer {
  const at = place(bytes, random)
  const length = Math.min(1 + random.below(64), bytes.length - at)
  const piece = bytes.subarray(at, at + length)
  switch (random.below(7)) {
    case 0:
      return bytes.subarray(0, at + 1)
    case 1:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)])
    case 2:
      return Buffer.concat([bytes.subarray(0, at), ...Array(1 + random.below(30)).fill(piece), bytes.subarray(at)])
    case 3:
      return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(length), bytes.subarray(at + length)])
    case 4:
      bytes[at] = random.below(256)
      return bytes
    default:
      return written(bytes, at, random)
  }
}

/** Where headers stand: mostly at the beginning and the end, or behind a signature. */
function place(bytes: Buffer, random: Random): number {
  const near = Math.min(bytes.length, 600)
  if (random.chance(0.4)) return random.below(near)
  if (random.chance(0.5)) return bytes.length - 1 - random.below(near)
  const signature = bytes.indexOf('PK', random.below(bytes.length))
  if (signature >= 0) return Math.min(bytes.length - 1, signature + random.below(46))
  return random.below(bytes.length)
}

function written(bytes: Buffer, at: number, random: Random): Buffer {
  const size = random.pick([1, 2, 4] as const)
  if (at + size > bytes.length) return bytes
  const was = bytes.readUIntLE(at, size)
  const near = [was + 1, was - 1, was * 2, bytes.length, bytes.length - at, at]
  const value = random.pick([...NUMBERS, ...near])
  bytes.writeUIntLE((value >>> 0) % 2 ** (8 * size), at, size)
  return bytes
}

/** A reader that looks at the checksum first would see nothing else. */
function mended(bytes: Buffer): Buffer {
  if (bytes.subarray(0, 6).toString('hex') === '377abcaf271c') return mendedSevenZip(bytes)
  if (bytes.subarray(0, 7).toString('hex') === '526172211a0700') return mendedRar4(bytes)
  return bytes.subarray(0, 8).toString('hex') === '526172211a070100' ? mendedRar5(bytes) : bytes
}

function mendedSevenZip(bytes: Buffer): Buffer {
  if (bytes.length < 32) return bytes
  const at = 32 + Number(bytes.readBigUInt64LE(12))
  const header = bytes.subarray(at, at + Number(bytes.readBigUInt64LE(20)))
  bytes.writeUInt32LE(crc32(header), 28)
  bytes.writeUInt32LE(crc32(bytes.subarray(12, 32)), 8)
  return bytes
}

function mendedRar4(bytes: Buffer): Buffer {
  for (let at = 7; at + 7 <= bytes.length; ) {
    const size = bytes.readUInt16LE(at + 5)
    if (size < 7 || at + size > bytes.length) break
    bytes.writeUInt16LE(crc32(bytes.subarray(at + 2, at + size)) & 0xffff, at)
    const hasData = (bytes.readUInt16LE(at + 3) & 0x8000) !== 0 && at + 11 <= bytes.length
    at += size + (hasData ? bytes.readUInt32LE(at + 7) : 0)
  }
  return bytes
}

/** Only headers of less than 128 bytes, and no further than the first with content. */
function mendedRar5(bytes: Buffer): Buffer {
  for (let at = 8; at + 6 <= bytes.length; ) {
    const size = bytes[at + 4] ?? 0
    if (size >= 0x80 || at + 5 + size > bytes.length) break
    bytes.writeUInt32LE(crc32(bytes.subarray(at + 4, at + 5 + size)), at)
    if (((bytes[at + 6] ?? 0) & 2) !== 0) break
    at += 5 + size
  }
  return bytes
}
