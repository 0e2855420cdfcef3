import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Budget, createBudget } from '../../src/inspect/attachments/budget.ts'
import { decryptAgile, opensAgile, readAgile } from '../../src/inspect/attachments/formats/office-agile.ts'
import { openBinary, readCryptoApi } from '../../src/inspect/attachments/formats/office-binary.ts'
import { opensStandard } from '../../src/inspect/attachments/formats/office-standard.ts'
import { OleFile } from '../../src/inspect/attachments/formats/ole-file.ts'
import {
  type AttachmentOptions,
  DEFAULT_OPTIONS,
  inspectPart,
  type PartVerdict,
} from '../../src/inspect/attachments/inspect.ts'
import { DEFAULT_LIMITS } from '../../src/inspect/attachments/limits.ts'

/** Files that nobody on this project wrote, each with what it is. They lie beside the checkout. */
const FOLDER = fileURLToPath(new URL('../../../shared/corpora/attachments/', import.meta.url))
const skip = existsSync(`${FOLDER}manifest.tsv`) ? false : 'the corpus of attachments is not here'

interface Labelled {
  readonly file: string
  readonly label: string
  readonly bytes: Buffer
}

function corpus(): Labelled[] {
  const lines = readFileSync(`${FOLDER}manifest.tsv`, 'utf8').trim().split('\n').slice(1)
  return lines.map((line) => {
    const [file = '', label = ''] = line.split('\t')
    return { file, label, bytes: bytesOf(file) }
  })
}

const bytesOf = (file: string): Buffer => readFileSync(`${FOLDER}${file}`)

const judge = (
  filename: string,
  bytes: Buffer,
  options: AttachmentOptions = DEFAULT_OPTIONS,
  budget?: Budget,
): PartVerdict => inspectPart({ filename, declaredType: null, bytes }, options, budget)

test('every file of the corpus is what its label says, and so on every rescan', { skip }, () => {
  for (const { file, label, bytes } of corpus()) {
    const verdict = judge(file, bytes)
    assert.equal(verdict.state, label, file)
    if (label === 'encrypted' && !file.includes('protected_')) assert.deepEqual(judge(file, bytes), verdict, file)
  }
})

test('the label does not come from the name, where the format tells itself', { skip }, () => {
  for (const { label, bytes } of corpus()) assert.equal(judge('attachment', bytes).state, label)
})

/** Without derivations of keys, which these tests would repeat thousands of times. */
const QUICK: AttachmentOptions = { ...DEFAULT_OPTIONS, limits: { ...DEFAULT_LIMITS, maxSpins: 0 } }

/** The same numbers each time (Numerical Recipes' generator). */
function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** Judges, and proves that no more was spent than is allowed, by more than the last thing looked at. */
function judgeBounded(file: string, bytes: Buffer, what: string): PartVerdict {
  const budget = createBudget(QUICK.limits)
  const verdict = judge(file, bytes, QUICK, budget)
  assert.ok(budget.workLeft > QUICK.limits.maxWork - 50_000_000, `${file} ${what}: ${budget.workLeft}`)
  return verdict
}

test('no truncation crashes, and none of a file that is not clean is clean', { skip }, () => {
  const next = numbers(7)
  for (const { file, label, bytes } of corpus()) {
    const lengths = new Set([1, 2, 4, 8, 64, bytes.length - 1, bytes.length - 2, bytes.length - 16, bytes.length - 512])
    for (let i = 0; i < 30; i++) lengths.add(1 + next(bytes.length - 1))
    for (const length of lengths) {
      if (length < 1) continue
      const { state } = judgeBounded(file, bytes.subarray(0, length), `cut to ${length}`)
      if (label !== 'clean') assert.notEqual(state, 'clean', `${file} cut to ${length}`)
    }
  }
})

test('no changed bit crashes, hangs or exceeds the bounds', { skip }, () => {
  const next = numbers(11)
  for (const { file, bytes } of corpus()) {
    for (let i = 0; i < 48; i++) {
      const changed = Buffer.from(bytes)
      // most of what readers look at stands at the beginning or at the end
      const near = Math.min(bytes.length, 600)
      const at = [next(bytes.length), next(near), bytes.length - 1 - next(near)][i % 3] ?? 0
      changed[at] = (changed[at] ?? 0) ^ (1 << next(8))
      judgeBounded(file, changed, `changed at ${at}`)
    }
  }
})

test('limits that are reached on the way make no file of the corpus clean that is not', { skip }, () => {
  for (const { file, label, bytes } of corpus()) {
    for (const limits of [{ maxItems: 3 }, { maxBytes: 2000 }, { maxWork: 3000 }]) {
      const { state } = judge(file, bytes, { ...QUICK, limits: { ...QUICK.limits, ...limits } })
      if (label !== 'clean') assert.notEqual(state, 'clean', `${file} ${JSON.stringify(limits)}`)
    }
  }
})

/** The passwords of the corpus are known, so that each derivation of a key can be proved right. */
test('keys derived from known passwords open the corpus, and no other password does', { skip }, () => {
  const bounds = { budget: createBudget(DEFAULT_LIMITS), limits: DEFAULT_LIMITS }
  const stream = (file: string, name: string): Buffer => {
    const ole = new OleFile(bytesOf(file), bounds.budget)
    const entry = ole.find(name)
    assert.ok(entry !== undefined, `${file} ${name}`)
    return ole.read(entry)
  }
  const binary = (header: Buffer, password: string): string | null => openBinary(header, [password], bounds).password
  const word = stream('tika-testWORD_protected_passtika.doc', '1Table')
  const slides = stream('tika-testPPT_protected_passtika.ppt', 'PowerPoint Document')
  const session = slides.subarray(slides.indexOf(Buffer.from('0f00142f', 'hex')) + 8)
  for (const header of [word, session]) {
    assert.equal(binary(header, 'tika'), 'tika')
    assert.equal(binary(header, 'tikb'), null)
  }
  const standard = readCryptoApi(stream('tika-testWORD_protected_passtika.docx', 'EncryptionInfo'))
  assert.ok(opensStandard(standard, 'tika', bounds) !== null)
  const agile = readAgile(stream('tika-testEXCEL_protected_passtika_2.xlsx', 'EncryptionInfo').toString('utf8', 8))
  assert.ok(agile.password !== null)
  const key = opensAgile(agile.password, 'tika', bounds.budget)
  assert.ok(key !== null)
  const content = decryptAgile(
    agile.data,
    key,
    stream('tika-testEXCEL_protected_passtika_2.xlsx', 'EncryptedPackage').subarray(8),
  )
  assert.equal(content?.toString('latin1', 0, 4), 'PK\x03\x04')
})
