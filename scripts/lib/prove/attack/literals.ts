export interface Literal {
  readonly source: string
  readonly flags: string
  readonly line: number
}

const WORD = /[A-Za-z_$#\d][\w$.]*/y
const SPACE = /\s+|^#!.*|\/\/.*|\/\*[\s\S]*?\*\//y
const QUOTED = /'(?:[^'\\]|\\[\s\S])*'|"(?:[^"\\]|\\[\s\S])*"/y
const EXPRESSION = /\/((?:[^/\\[\n]|\\.|\[(?:[^\]\\]|\\.)*\])+)\/([a-z]*)/y
const TEMPLATE = /[^`\\$]+|\\[\s\S]|\$(?!\{)/y
/** Behind these a slash begins an expression, and does not divide. */
const BEFORE = new Set([...'(,=:[!&|?{};+-*%~^<>', '', 'return', 'typeof', 'case', 'in', 'of'])

/** The regular expressions written out in JavaScript, by a reader of its words; those made by `new RegExp` are not seen. */
export function literalsIn(source: string): readonly Literal[] {
  return new Reader(source).read()
}

class Reader {
  readonly #source: string
  readonly #found: Literal[] = []
  /** What each open brace is: a block, or a hole in a template. */
  readonly #open: string[] = []
  #at = 0
  #last = ''

  constructor(source: string) {
    this.#source = source
  }

  read(): readonly Literal[] {
    while (this.#at < this.#source.length) this.#next()
    return this.#found
  }

  #next(): void {
    if (this.#take(SPACE) !== null) return
    const quoted = this.#take(QUOTED)
    const word = quoted === null ? this.#take(WORD) : null
    if (quoted !== null) this.#last = 'text'
    else if (word !== null) this.#last = word[0]
    else if (!this.#expression()) this.#sign()
  }

  #expression(): boolean {
    if (this.#source[this.#at] !== '/' || !BEFORE.has(this.#last)) return false
    const line = this.#source.slice(0, this.#at).split('\n').length
    const [, source, flags] = this.#take(EXPRESSION) ?? []
    if (source === undefined || flags === undefined) return false
    this.#found.push({ source, flags, line })
    this.#last = 'text'
    return true
  }

  #sign(): void {
    const sign = this.#source.charAt(this.#at++)
    this.#last = sign
    if (sign === '`') this.#template()
    else if (sign === '{') this.#open.push('{')
    else if (sign === '}' && this.#open.pop() === '`') this.#template()
  }

  /** Up to the end of a template, or to a hole in it. */
  #template(): void {
    while (this.#take(TEMPLATE) !== null);
    const isHole = this.#source[this.#at] === '$'
    this.#at += isHole ? 2 : 1
    this.#last = isHole ? '{' : 'text'
    if (isHole) this.#open.push('`')
  }

  #take(shape: RegExp): RegExpExecArray | null {
    shape.lastIndex = this.#at
    const found = shape.exec(this.#source)
    if (found !== null) this.#at = shape.lastIndex
    return found
  }
}
