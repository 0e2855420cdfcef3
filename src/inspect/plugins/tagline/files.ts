import { open } from 'node:fs/promises'
import { type Addition, makeAddition, UnfitText } from '../../../mail/mime/insert/addition.ts'
import { OptionsError } from '../../options.ts'

/** Far more than an addition may have. */
const MAX_BYTES = 1024 * 1024

/** Where a text stands. */
export interface TextFiles {
  readonly text: string
  /** Null: HTML is made of the text. */
  readonly html: string | null
}

/** Reads a text that is put into mail. `style`: of the HTML element around it. Rejects with OptionsError, which names the file. */
export async function readAddition(plugin: string, { text, html }: TextFiles, style = ''): Promise<Addition> {
  const plain = await readText(plugin, text)
  const rich = html === null ? null : await readText(plugin, html)
  try {
    return makeAddition(plain, rich, `postern-${plugin}`, style)
  } catch (error) {
    if (!(error instanceof UnfitText)) throw error
    throw new OptionsError(`${plugin}: ${html === null ? text : `${text}, ${html}`}: ${error.message}`)
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

async function readText(plugin: string, path: string): Promise<string> {
  const bytes = await readBounded(path).catch((error: Error) => {
    throw new OptionsError(`${plugin}: ${path} cannot be read: ${error.message}`)
  })
  try {
    return utf8.decode(bytes)
  } catch {
    throw new OptionsError(`${plugin}: ${path} is not in UTF-8`)
  }
}

async function readBounded(path: string): Promise<Buffer> {
  await using file = await open(path)
  const { bytesRead, buffer } = await file.read(Buffer.alloc(MAX_BYTES + 1), 0, MAX_BYTES + 1, 0)
  if (bytesRead > MAX_BYTES) throw new RangeError(`it is larger than ${MAX_BYTES} bytes`)
  return buffer.subarray(0, bytesRead)
}
