import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseAllDocuments,
  visit,
} from 'yaml'
import type { Problem } from './problem.ts'
import { formatSize } from './values.ts'

/** A YAML file as it was read: plain data for the schema, and the place of each key for messages. */
export interface Source {
  readonly file: string
  readonly data: unknown
  /** Line and column, from 1. `key`: of the key itself rather than its value. A path that is not there gives the nearest part of it that is. */
  locate(path: readonly PropertyKey[], of: 'key' | 'value'): { readonly line: number; readonly column: number }
  /** Whether something stands at a path. */
  has(path: readonly PropertyKey[]): boolean
  valueAt(path: readonly PropertyKey[]): unknown
}

export type Read = { readonly ok: true; readonly source: Source } | { readonly ok: false; readonly problems: Problem[] }

const FILE_LIMIT = 4 * 1024 * 1024
// enough for shared lists, far too few to blow a small file up
const ALIAS_LIMIT = 100
// beyond these a file is not YAML at all, and more of them help nobody
const MOST_SYNTAX_PROBLEMS = 20

/** Reads a YAML 1.2 file of at most 4 MiB: one document, no key twice, at most 100 uses of aliases, no own tags. */
export function readSource(file: string): Read {
  try {
    return parseSource(file, readLimited(file))
  } catch (error) {
    return { ok: false, problems: [whole(file, `cannot be read: ${(error as Error).message}`)] }
  }
}

function readLimited(file: string): string {
  const handle = openSync(file, 'r')
  try {
    const { size } = fstatSync(handle)
    if (size > FILE_LIMIT) throw new RangeError(`it is larger than ${formatSize(FILE_LIMIT)}`)
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(handle))
  } finally {
    closeSync(handle)
  }
}

/** The same from text. */
export function parseSource(file: string, text: string): Read {
  const lines = new LineCounter()
  const options = {
    lineCounter: lines,
    prettyErrors: false,
    version: '1.2',
    logLevel: 'silent',
    // compares every key of a map with every other: slow with thousands of domains. `oddities` does it
    uniqueKeys: false,
  } as const
  const found = parseAllDocuments(text, options)
  const documents = Array.isArray(found) ? found : []
  try {
    const problems = documents.flatMap((document) => faults(document).map((fault) => place(file, lines, fault)))
    if (documents.length > 1)
      problems.push(whole(file, `holds ${documents.length} YAML documents, where one is expected`))
    if (problems.length > 0) return { ok: false, problems: problems.slice(0, MOST_SYNTAX_PROBLEMS) }
    return { ok: true, source: new YamlSource(file, documents[0] ?? null, lines) }
  } catch (error) {
    // aliases that would grow without bound
    return { ok: false, problems: [whole(file, (error as Error).message)] }
  }
}

interface Fault {
  readonly offset: number
  readonly message: string
}

function faults(document: Document.Parsed): readonly Fault[] {
  // the parser recurses: so deep a nesting that it gives up makes hundreds of errors that say nothing more
  const deep = document.errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION')
  if (deep !== undefined) return [{ offset: deep.pos[0], message: 'lists and maps are nested too deeply' }]
  const syntax = [...document.errors, ...document.warnings]
  if (syntax.length > 0)
    return syntax.map(({ code, message, pos }) => ({ offset: pos[0], message: WORDS[code] ?? message }))
  return oddities(document)
}

// where the parser's own words would puzzle an operator
const WORDS: Readonly<Record<string, string>> = {
  BLOCK_AS_IMPLICIT_KEY: "a second ':' on one line: put the value in quotes, or on a line of its own",
}

/** What YAML allows and a configuration does not: aliases of nothing, keys that are no words or stand twice. */
function oddities(document: Document.Parsed): readonly Fault[] {
  const found: Fault[] = []
  visit(document, {
    Alias(_, node) {
      const message = `there is no anchor &${node.source} above this`
      if (node.resolve(document) === undefined) found.push({ offset: start(node) ?? 0, message })
    },
    Map(_, { items }) {
      found.push(...keyFaults(items))
    },
  })
  return found
}

function keyFaults(pairs: readonly Pair[]): Fault[] {
  const seen = new Set<string>()
  return pairs.flatMap(({ key, value }) => {
    const offset = start(key) ?? start(value) ?? 0
    const usable = isScalar(key) && key.value !== null && key.value !== '__proto__'
    if (!usable) return [{ offset, message: 'a key must be a word' }]
    const name = String(key.value)
    const twice = seen.has(name)
    seen.add(name)
    return twice ? [{ offset, message: 'this key stands here a second time' }] : []
  })
}

const whole = (file: string, message: string): Problem => ({
  file,
  line: 0,
  column: 0,
  key: '',
  message,
  expected: null,
  found: null,
  nearest: null,
})

function place(file: string, lines: LineCounter, { offset, message }: Fault): Problem {
  const { line, col } = lines.linePos(offset)
  return { ...whole(file, message), line, column: col }
}

class YamlSource implements Source {
  readonly file: string
  readonly data: unknown
  readonly #document: Document.Parsed | null
  readonly #lines: LineCounter

  constructor(file: string, document: Document.Parsed | null, lines: LineCounter) {
    this.file = file
    this.#document = document
    this.#lines = lines
    this.data = document === null ? null : document.toJS({ maxAliasCount: ALIAS_LIMIT })
  }

  locate(path: readonly PropertyKey[], of: 'key' | 'value'): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(this.#walk(path, of).offset)
    return { line: Math.max(1, line), column: Math.max(1, col) }
  }

  has(path: readonly PropertyKey[]): boolean {
    return this.#walk(path, 'value').found
  }

  valueAt(path: readonly PropertyKey[]): unknown {
    return path.reduce<unknown>((value, part) => (value as Record<PropertyKey, unknown> | null)?.[part], this.data)
  }

  #walk(path: readonly PropertyKey[], of: 'key' | 'value'): { offset: number; found: boolean } {
    let node: unknown = this.#document?.contents
    let offset = start(node) ?? 0
    for (const [index, part] of path.entries()) {
      const child = childOf(this.#resolved(node), part)
      if (child === null) return { offset, found: false }
      const last = index === path.length - 1
      offset = (last && of === 'key' ? null : start(child.value)) ?? start(child.key) ?? offset
      node = child.value
    }
    return { offset, found: true }
  }

  #resolved(node: unknown): unknown {
    return isAlias(node) && this.#document !== null ? node.resolve(this.#document) : node
  }
}

const start = (node: unknown): number | null => (isNode(node) && node.range ? node.range[0] : null)

function childOf(node: unknown, part: PropertyKey): { key: unknown; value: unknown } | null {
  if (isSeq(node) && typeof part === 'number') {
    const value = node.items[part]
    return value === undefined ? null : { key: value, value }
  }
  const pairs = isMap(node) ? node.items : []
  const pair = pairs.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(part))
  return pair === undefined ? null : { key: pair.key, value: pair.value }
}
