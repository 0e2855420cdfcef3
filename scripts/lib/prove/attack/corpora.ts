import { existsSync, globSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { corpus } from '../../../../test/support/corpus.ts'

/** Real mail and files, which lie beside the project; not there is no failure. */
const FOLDER = process.env.POSTERN_CORPORA ?? fileURLToPath(new URL('../../../../../shared/corpora', import.meta.url))
const LARGEST = 150_000

export const NO_CORPORA = `real mail was not altered: ${FOLDER} is not on this machine (POSTERN_CORPORA names the folder)`

export interface RealFile {
  readonly name: string
  readonly bytes: Buffer
}

/** Archives and documents of up to 150 kB, encrypted and not; empty where there are none. */
export const realFiles = (): readonly RealFile[] =>
  globSync(join(FOLDER, 'attachments', '*.*'))
    .sort()
    .map((file) => ({ name: basename(file), bytes: readFileSync(file) }))
    .filter(({ name, bytes }) => bytes.length <= LARGEST && !name.endsWith('.tsv'))

/** Whole messages with CRLF; empty where there are none. */
export function realMail(): readonly string[] {
  if (!existsSync(join(FOLDER, 'arc'))) return []
  const suites = ['validation', 'sign'].flatMap((name) => corpus(`arc/arc-draft-${name}-tests.yml`) ?? [])
  const tests = suites.flatMap((suite) => Object.values((suite as { tests?: object }).tests ?? {}))
  const messages = tests.map((test) => (test as { message?: unknown }).message)
  const texts = messages.filter((message): message is string => typeof message === 'string' && message.includes('\n\n'))
  return [...new Set(texts)].map((text) => text.replace(/\r?\n/g, '\r\n'))
}
