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
  /** A list as one JSON document, an item a line, printed as it comes. */
  jsonList(name: string): JsonList
  /** Bytes on standard output, unchanged. Not for a terminal. */
  raw(chunks: AsyncIterable<Buffer>): Promise<void>
  /** A line on standard error: hints and progress, so that standard output stays clean. */
  hint(line: string): void
  /** Whether there is a person to ask. */
  readonly interactive: boolean
  /** Asks; true only for an answer of yes. */
  confirm(question: string): Promise<boolean>
}

export interface JsonList {
  add(items: readonly unknown[]): void
  /** Ends the document, with further fields after the list. */
  end(fields: Readonly<Record<string, unknown>>): void
}

function jsonList(name: string, write: (text: string) => void): JsonList {
  const head = `{${JSON.stringify(name)}:[\n`
  let before = head
  const add = (item: unknown) => {
    write(before + printableJson(item))
    before = ',\n'
  }
  return {
    add: (items) => items.forEach(add),
    end(fields) {
      const more = Object.entries(fields).map(([field, value]) => `,${JSON.stringify(field)}:${printableJson(value)}`)
      write(`${before === head ? head : '\n'}]${more.join('')}}\n`)
    },
  }
}

/** The terminal of this process. */
export function processTerminal(): Terminal {
  const { stdin, stdout, stderr } = process
  stopWhenUnread(stdout)
  return {
    columns: stdout.isTTY ? stdout.columns : null,
    print: (...lines) => void stdout.write(lines.map((line) => `${printable(line)}\n`).join('')),
    json: (value) => void stdout.write(`${printableJson(value)}\n`),
    jsonList: (name) => jsonList(name, (text) => void stdout.write(text)),
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
