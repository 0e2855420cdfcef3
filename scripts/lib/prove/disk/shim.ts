import { execFileSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** As in faulty.c. */
const MODES = { none: 0, full: 1, write: 2, sync: 3, read: 4, readonly: 5 } as const
export type Mode = Exclude<keyof typeof MODES, 'none'>

/** What calls are counted by: what changes a file, syncs, reads. */
export type Sort = 'changes' | 'syncs' | 'reads'
const SORTS: readonly Sort[] = ['changes', 'syncs', 'reads']

export const sortOf = (mode: Mode): Sort => {
  if (mode === 'sync') return 'syncs'
  return mode === 'read' ? 'reads' : 'changes'
}

const FAILED = 8
const COUNTS = 20
const FIRST = 512
const BYTES = 4096

/** Compiles the shim. Throws where there is no compiler. */
export function buildShim(folder: string): string {
  const shim = join(folder, 'faulty.so')
  const source = fileURLToPath(new URL('faulty.c', import.meta.url))
  execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', shim, source, '-ldl'])
  return shim
}

/** Tells the processes that are started with `env` what is to fail. Nothing at first. */
export class FaultyDisk {
  readonly env: NodeJS.ProcessEnv
  readonly #file: string

  /** `control`: a file that is made; `prefix`: how the paths begin that are meant. */
  constructor(shim: string, control: string, prefix: string) {
    this.#file = control
    this.env = { LD_PRELOAD: shim, POSTERN_FAULT_FILE: control, POSTERN_FAULT_PATH: prefix }
    writeFileSync(control, Buffer.alloc(BYTES))
  }

  /** So many calls of a thousand. */
  failByChance(mode: Mode, perThousand: number): void {
    this.#write(Buffer.from([MODES[mode], perThousand & 255, perThousand >> 8, 0]))
  }

  /** The calls of the mode's sort from this one on, the first from now on is 1, and no more than `length`. */
  failByNumber(mode: Mode, from: number, length: number): void {
    const bytes = Buffer.alloc(BYTES)
    bytes.set([MODES[mode], 0, 0, 1])
    bytes.writeUInt32LE(from, 12)
    bytes.writeUInt32LE(length, 16)
    this.#write(bytes)
  }

  /** Counts calls from now on and lets none of them fail. */
  count(): void {
    const bytes = Buffer.alloc(BYTES)
    bytes.set([MODES.none, 0, 0, 1])
    this.#write(bytes)
  }

  well(): void {
    this.#write(Buffer.from([MODES.none]))
  }

  /** Calls that were made to fail. */
  get failed(): number {
    return readFileSync(this.#file).readUInt32LE(FAILED)
  }

  /** The first of them: the call and its path. Empty if there was none. */
  get first(): string {
    const text = readFileSync(this.#file).toString('latin1', FIRST)
    return text.slice(0, text.indexOf('\0'))
  }

  counted(sort: Sort): number {
    return readFileSync(this.#file).readUInt32LE(COUNTS + 4 * SORTS.indexOf(sort))
  }

  #write(bytes: Buffer): void {
    const file = openSync(this.#file, 'r+')
    writeSync(file, bytes, 0, bytes.length, 0)
    closeSync(file)
  }
}
