import { createInterface } from 'node:readline/promises'
import { pipeline } from 'node:stream/promises'
import { printable, printableJson } from './text/printable.ts'

/** Where a command speaks. Everything is made printable on the way, so nothing from the outside reaches a terminal raw. */
export interface Terminal {
  /** Columns of standard output; null if it is no terminal. */
  readonly columns: number | null
  /** Lines on standard output. */
  print(...lines: string[]): void
  /** A value as one line of JSON on standard output. */
  json(value: unknown): void
  /** Bytes on standard output, unchanged. Not for a terminal. */
  raw(chunks: AsyncIterable<Buffer>): Promise<void>
  /** A line on standard error: hints and progress, so that standard output stays clean. */
  hint(line: string): void
  /** Whether there is a person to ask. */
  readonly interactive: boolean
  /** Asks; true only for an answer of yes. */
  confirm(question: string): Promise<boolean>
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  stopWhenUnread(stdout)
  return {
    columns: stdout.isTTY ? stdout.columns : null,
    print: (...lines) => void stdout.write(lines.map((line) => `${printable(line)}\n`).join('')),
    json: (value) => void stdout.write(`${printableJson(value)}\n`),
    raw: (chunks) => pipeline(chunks, stdout, { end: false }),
    hint: (line) => void stderr.write(`${printable(line)}\n`),
    interactive: stdin.isTTY === true && stderr.isTTY === true,
    async confirm(question) {
      const lines = createInterface({ input: stdin, output: stderr })
      try {
        return /^y(es)?$/i.test((await lines.question(`${printable(question)} [y/N] `)).trim())
      } finally {
        lines.close()
      }
    },
  }
}

// `postern queue list | head` closes the pipe early, which is no failure
function stopWhenUnread(stdout: NodeJS.WriteStream): void {
  stdout.on('error', (err: NodeJS.ErrnoException) => {
    process.exit(err.code === 'EPIPE' ? 0 : 1)
  })
}
