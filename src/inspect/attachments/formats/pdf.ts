import { attempt } from '../attempt.ts'
import { spendItem, spendWork } from '../budget.ts'
import { unpack } from '../codec/unpack.ts'
import { damaged, failureOf } from '../failure.ts'
import type { Format, Visit } from '../reader.ts'
import { asDictionary, asName, asNumber, asString, type PdfDictionary, PdfLexer, type PdfValue } from './pdf-lexer.ts'
import { opensWith } from './pdf-password.ts'

/** The signature may stand anywhere in the first kilobyte (ISO 32000-1, Annex H, implementation note 13). */
const HEAD = 1024
/** The last line may be followed by this much that is none of it. */
const TAIL = 2048
const MOST_CANDIDATES = 2000
const WORK_PER_BYTE = 100

/**
 * PDF. Every trailer and every cross-reference stream of the file is looked at, wherever it lies, so
 * that no revision hides another: if one of them needs a password, the document does.
 */
export const pdf: Format = {
  name: 'PDF document',
  matches: (bytes) => bytes.subarray(0, HEAD).includes('%PDF-'),
  read,
}

function read(visit: Visit): void {
  const { bytes } = visit
  spendWork(visit.budget, bytes.length * 2)
  const trailers = findTrailers(visit)
  const encrypted = trailers.filter((trailer) => trailer.has('Encrypt') && !isNull(trailer.get('Encrypt')))
  if (encrypted.length > 0) noteEncryption(visit, encrypted)
  if (trailers.length === 0) visit.note('suspicious', 'its cross-references are missing: it ends too early')
  else if (!bytes.subarray(-TAIL).includes('%%EOF')) visit.note('suspicious', 'ends too early')
  if (hasEncryptedPayload(visit)) visit.note('encrypted', 'encrypted payload')
  if (encrypted.length === 0) readEmbedded(visit)
}

function findTrailers(visit: Visit): PdfDictionary[] {
  const found: PdfDictionary[] = []
  for (const at of trailerPlaces(visit)) addTrailer(found, visit, at)
  return found
}

/** Each once: one object may say `/XRef` two thousand times, and every revision may point to it. */
function trailerPlaces(visit: Visit): ReadonlySet<number> {
  const places = new Set<number>()
  for (const at of occurrences(visit, 'trailer')) places.add(at + 7)
  for (const at of occurrences(visit, '/XRef')) places.add(openingOf(visit.bytes, at))
  for (const at of occurrences(visit, 'startxref')) places.add(pointedTo(visit.bytes, at))
  return places
}

/** Where `startxref` points to a cross-reference stream, its dictionary. */
function pointedTo(bytes: Buffer, at: number): number {
  const offset = Number(/^startxref\s+(\d{1,10})/u.exec(bytes.toString('latin1', at, at + 32))?.[1] ?? -1)
  if (offset < 0) return -1
  const head = /^\s*\d+\s+\d+\s+obj/u.exec(bytes.toString('latin1', offset, offset + 64))
  return head === null ? -1 : offset + head[0].length
}

function addTrailer(found: PdfDictionary[], visit: Visit, at: number): void {
  const dictionary = at < 0 ? null : dictionaryAt(visit, at)
  if (dictionary === null) return
  if (dictionary.has('Root') || dictionary.has('Encrypt') || dictionary.has('Size')) found.push(dictionary)
}

function dictionaryAt({ bytes, budget }: Visit, at: number): PdfDictionary | null {
  const lexer = new PdfLexer(bytes, at)
  const value = objectOf(lexer)
  // Two thousand that begin close together would each be read to the longest, in seconds for a few kilobytes
  spendWork(budget, (lexer.at - at) * WORK_PER_BYTE)
  return asDictionary(value)
}

function objectOf(lexer: PdfLexer): PdfValue | undefined {
  try {
    return lexer.value()
  } catch (error) {
    if (failureOf(error) === null) throw error
    return undefined
  }
}

function* occurrences(visit: Visit, word: string): Generator<number> {
  let left = MOST_CANDIDATES
  for (let at = visit.bytes.indexOf(word); at >= 0; at = visit.bytes.indexOf(word, at + word.length)) {
    spendWork(visit.budget, 2000)
    left -= 1
    if (left < 0) damaged('it has more objects of one kind than are looked at')
    yield at
  }
}

/** Where the object that holds `at` begins its dictionary: behind the nearest `obj` before it. */
function openingOf(bytes: Buffer, at: number): number {
  const from = Math.max(0, at - 4096)
  const object = bytes.subarray(from, at).lastIndexOf('obj')
  return object < 0 ? -1 : from + object + 3
}

function noteEncryption(visit: Visit, trailers: readonly PdfDictionary[]): void {
  let isReadable = true
  let fact = 'owner password only'
  for (const trailer of trailers) {
    const encrypt = resolve(visit, trailer.get('Encrypt'))
    if (encrypt === null) {
      isReadable = false
      fact = 'its encryption dictionary cannot be read'
      continue
    }
    const opens = opensWith(Buffer.alloc(0), encrypt, idOf(visit, trailers, trailer), visit.budget)
    if (opens === true) continue
    isReadable = false
    fact = opens === null ? `security handler ${asName(encrypt.get('Filter')) ?? 'unknown'}` : 'user password'
  }
  visit.note(isReadable ? 'readable' : 'encrypted', fact)
}

const isNull = (value: PdfValue | undefined): boolean => value?.kind === 'word' && value.value === 'null'

/** The first half of the ID, from this trailer or from any other. */
function idOf(visit: Visit, all: readonly PdfDictionary[], own: PdfDictionary): Buffer {
  for (const trailer of [own, ...all]) {
    const id = resolveValue(visit, trailer.get('ID'))
    const first = id?.kind === 'array' ? asString(id.value[0]) : null
    if (first !== null) return first
  }
  return Buffer.alloc(0)
}

function resolve(visit: Visit, value: PdfValue | undefined): PdfDictionary | null {
  return asDictionary(resolveValue(visit, value))
}

/** The last object of that number in the file: an encryption dictionary never lies in an object stream (7.5.7). */
function resolveValue(visit: Visit, value: PdfValue | undefined): PdfValue | undefined {
  if (value?.kind !== 'reference') return value
  const { bytes, budget } = visit
  const wanted = Buffer.from(`${value.value} ${value.generation} obj`)
  spendWork(budget, bytes.length)
  for (let at = bytes.lastIndexOf(wanted); at >= 0; at = at === 0 ? -1 : bytes.lastIndexOf(wanted, at - 1)) {
    spendWork(budget, 1000)
    const before = bytes[at - 1] ?? 0x20
    if (before >= 0x30 && before <= 0x39) continue
    return new PdfLexer(bytes, at + wanted.length).value()
  }
  return undefined
}

/** ISO 32000-2, 7.6.7: a plain document around an encrypted one. */
function hasEncryptedPayload({ bytes }: Visit): boolean {
  return bytes.includes('/EncryptedPayload')
}

/** 7.11.4: files embedded in the document. Streams never lie in object streams, so each shows its dictionary. */
function readEmbedded(visit: Visit): void {
  let number = 0
  for (const at of occurrences(visit, '/EmbeddedFile')) {
    if (/[A-Za-z]/u.test(String.fromCharCode(visit.bytes[at + 13] ?? 0))) continue
    spendItem(visit.budget)
    number += 1
    attempt(visit, `embedded file ${number}`, () => readEmbeddedAt(visit, at, `embedded file ${number}`))
  }
}

function readEmbeddedAt(visit: Visit, at: number, name: string): void {
  const { bytes, limits, budget } = visit
  const lexer = new PdfLexer(bytes, openingOf(bytes, at))
  const dictionary = asDictionary(lexer.value())
  const dataAt = dictionary === null ? -1 : streamAt(bytes, lexer.at)
  if (dictionary === null || dataAt < 0) return
  const data = bytes.subarray(dataAt, streamEnd(visit, dictionary, dataAt))
  const filter = dictionary.get('Filter')
  const names = filter?.kind === 'array' ? filter.value.map(asName) : [asName(filter)]
  if (names.length === 1 && names[0] === 'FlateDecode') {
    visit.child(name, unpack(data, 'zlib', limits, budget))
    return
  }
  if (filter === undefined || names.length === 0) {
    visit.child(name, data)
    return
  }
  visit.unread(`packed by ${names.join(', ')}`, name)
}

function streamAt(bytes: Buffer, at: number): number {
  const found = /^[\s\0]*stream\r?\n/u.exec(bytes.toString('latin1', at, at + 64))
  return found === null ? -1 : at + found[0].length
}

function streamEnd(visit: Visit, dictionary: PdfDictionary, from: number): number {
  const length = asNumber(resolveValue(visit, dictionary.get('Length')))
  if (length !== null && from + length <= visit.bytes.length) return from + length
  const end = visit.bytes.indexOf('endstream', from)
  return end < 0 ? damaged('ends too early') : end
}
