/** A plugin's options are wrong. The message names the key, what was expected and what was found. */
export class OptionsError extends Error {
  override readonly name = 'OptionsError'
}

type Raw = Readonly<Record<string, unknown>>

/** Reads a plugin's options key by key. Every method throws OptionsError; `done` does if a key is left that nobody asked for. */
export class OptionsReader {
  readonly #plugin: string
  readonly #raw: Raw
  readonly #asked = new Set<string>()

  constructor(plugin: string, raw: unknown) {
    this.#plugin = plugin
    if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
      throw new OptionsError(`${plugin}: expected a map of options, found ${shown(raw)}`)
    }
    this.#raw = raw as Raw
  }

  choice<const T extends string>(key: string, choices: readonly T[], otherwise: T): T {
    const value = this.#get(key) ?? otherwise
    const found = choices.find((choice) => choice === value)
    return found ?? this.#wrong(key, `one of ${choices.join(', ')}`, value)
  }

  integer(key: string, min: number, max: number, otherwise: number): number {
    const value = this.#get(key) ?? otherwise
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    return this.#wrong(key, `a whole number from ${min} to ${max}`, value)
  }

  flag(key: string, otherwise: boolean): boolean {
    const value = this.#get(key) ?? otherwise
    return typeof value === 'boolean' ? value : this.#wrong(key, 'true or false', value)
  }

  /** A number that need not be whole; null where it is given as null. */
  number(key: string, min: number, max: number, otherwise: number | null): number | null {
    const found = this.#get(key)
    const value = found === undefined ? otherwise : found
    if (value === null || (typeof value === 'number' && value >= min && value <= max)) return value
    return this.#wrong(key, `a number from ${min} to ${max}`, value)
  }

  /** At least one text, or a text alone. */
  texts(key: string, otherwise?: string): readonly string[] {
    const value = this.#get(key) ?? otherwise
    const list = typeof value === 'string' ? [value] : value
    const isText = (each: unknown): each is string => typeof each === 'string' && each !== ''
    if (Array.isArray(list) && list.length > 0 && list.every(isText)) return list
    return this.#wrong(key, 'a text, or a list of them', value)
  }

  /** Any number of texts. */
  list(key: string, otherwise: readonly string[]): readonly string[] {
    const value = this.#get(key) ?? otherwise
    if (Array.isArray(value) && value.every((each) => typeof each === 'string' && each !== '')) return value
    return this.#wrong(key, 'a list of texts', value)
  }

  /** Any number of maps, whose keys are for the caller to check. */
  maps(key: string): readonly Raw[] {
    const value = this.#get(key) ?? []
    const isMap = (each: unknown): each is Raw => typeof each === 'object' && each !== null && !Array.isArray(each)
    if (Array.isArray(value) && value.every(isMap)) return value
    return this.#wrong(key, 'a list of maps', value)
  }

  /** A path or other text; null where it is left out. */
  text(key: string): string | null {
    const value = this.#get(key) ?? null
    if (value === null || (typeof value === 'string' && value !== '')) return value
    return this.#wrong(key, 'a text', value)
  }

  done(): void {
    for (const key of Object.keys(this.#raw)) {
      if (this.#asked.has(key)) continue
      throw new OptionsError(`${this.#plugin}: there is no option ${key}; there are ${[...this.#asked].join(', ')}`)
    }
  }

  #get(key: string): unknown {
    this.#asked.add(key)
    return this.#raw[key]
  }

  #wrong(key: string, expected: string, found: unknown): never {
    throw new OptionsError(`${this.#plugin}: ${key}: expected ${expected}, found ${shown(found)}`)
  }
}

const shown = (value: unknown): string => (JSON.stringify(value) ?? String(value)).slice(0, 100)
