import { writeFileSync } from 'node:fs'

/** Milliseconds that the recorder (`CLOCK_OFFSET`) adds to the wall clock of a daemon, also while it runs. */
export class ClockOffset {
  readonly file: string
  #ms = 0

  constructor(file: string) {
    this.file = file
    this.#write('w')
  }

  /** What the daemon takes for now, milliseconds since 1970. */
  get now(): number {
    return Date.now() + this.#ms
  }

  add(ms: number): void {
    this.#ms += ms
    // In place: the daemon has it mapped
    this.#write('r+')
  }

  #write(flag: 'w' | 'r+'): void {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(BigInt(this.#ms))
    writeFileSync(this.file, bytes, { flag })
  }
}
