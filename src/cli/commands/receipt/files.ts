import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { CommandFailure, EXIT } from '../../exit.ts'

/** Writes a file that must not be there yet, with its mode from the first byte on. */
export function writeNew(file: string, content: Buffer | string, mode: number): void {
  try {
    writeFileSync(file, content, { mode, flag: 'wx' })
  } catch (error) {
    throw new CommandFailure(EXIT.failed, `Cannot write ${file}: ${inWords(error)}`)
  }
}

/** Reads a file of at most `most` bytes. */
export function readSmall(file: string, most: number): Buffer {
  try {
    if (statSync(file).size > most) throw new Error(`it is larger than ${most} bytes`)
    return readFileSync(file)
  } catch (error) {
    throw new CommandFailure(EXIT.failed, `Cannot read ${file}: ${inWords(error)}`)
  }
}

const inWords = (error: unknown): string => (error instanceof Error ? error.message : String(error))
