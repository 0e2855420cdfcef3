import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'

/** Published suites lie beside the project: `../shared/corpora`, or where POSTERN_CORPORA says. */
const FOLDER = process.env.POSTERN_CORPORA ?? fileURLToPath(new URL('../../../shared/corpora', import.meta.url))

/** The documents of a suite in YAML; null where it is not there (an error where CI is set). */
export function corpus(path: string): unknown[] | null {
  const file = `${FOLDER}/${path}`
  if (existsSync(file)) {
    const documents = parseAllDocuments(readFileSync(file, 'utf8'))
    return documents.map((document) => document.toJS() as unknown).filter((found) => found !== null)
  }
  if (process.env.CI) throw new Error(`the suite ${file} is missing; POSTERN_CORPORA names the folder of suites`)
  return null
}

export const NO_CORPUS = 'the published suite is not on this machine; POSTERN_CORPORA names the folder of suites'
