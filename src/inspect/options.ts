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
