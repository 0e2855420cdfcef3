import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { CommandFailure, EXIT } from '../../exit.ts'

/** One certificate in a file, and where it stands there. */
export interface Found {
  /** For the report: the file, and the line that the certificate begins on. */
  readonly where: string
  /** PEM, or base64 of DER. */
  readonly certificate: string
}

const MOST_FILES = 20_000
const MOST_FILE_BYTES = 64 * 1024 * 1024
const BLOCK = /-----BEGIN (?:X509 )?CERTIFICATE-----[\s\S]*?(?:-----END (?:X509 )?CERTIFICATE-----|$)/g
const NAMES = /\.(pem|crt|cer|der)$/i

/** The certificates of a file (PEM with any number of them, or one in DER), or of the files of a folder by their names' order. */
export async function certificatesIn(path: string): Promise<Found[]> {
  try {
    const found = (await stat(path)).isDirectory() ? await inFolder(path) : await inFile(path)
    if (found.length > 0) return found
  } catch (error) {
    throw error instanceof CommandFailure ? error : new CommandFailure(EXIT.failed, (error as Error).message)
  }
  throw new CommandFailure(EXIT.failed, `${path}: there is no certificate in it.`)
}

async function inFolder(path: string): Promise<Found[]> {
  const names = (await readdir(path)).filter((name) => NAMES.test(name)).sort()
  if (names.length > MOST_FILES)
    throw new CommandFailure(EXIT.failed, `${path}: more than ${MOST_FILES} files; import them in parts.`)
  const found: Found[] = []
  for (const name of names) {
    const file = join(path, name)
    const certificates = await inFile(file)
    // the report must name a file that brings nothing
    found.push(...(certificates.length > 0 ? certificates : [{ where: file, certificate: 'none' }]))
  }
  return found
}

async function inFile(file: string): Promise<Found[]> {
  const { size } = await stat(file)
  if (size > MOST_FILE_BYTES)
    throw new CommandFailure(EXIT.failed, `${file}: it is larger than ${MOST_FILE_BYTES} bytes.`)
  const bytes = await readFile(file)
  const text = bytes.toString('latin1')
  if (!text.includes('-----BEGIN'))
    return bytes.length === 0 ? [] : [{ where: file, certificate: bytes.toString('base64') }]
  let [line, from] = [1, 0]
  return [...text.matchAll(BLOCK)].map(({ 0: block, index }) => {
    line += text.slice(from, index).split('\n').length - 1
    from = index
    const certificate = block.replace(/-----(BEGIN|END) X509 /g, '-----$1 ')
    return { where: `${file}:${line}`, certificate }
  })
}
