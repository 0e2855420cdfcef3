import { createHash } from 'node:crypto'
import type { RouteTls } from './route.ts'

/**
 * Tells demands on TLS apart, so that a connection made under one is never used under another.
 * Options with the same content are the same; handles among them (contexts, functions) only if they
 * are the same object.
 */
export class TlsKeys {
  readonly #handles = new WeakMap<object, number>()
  readonly #known = new WeakMap<object, string>()
  #count = 0

  of({ mode, verify, options }: RouteTls): string {
    let content = this.#known.get(options)
    if (content === undefined) {
      content = this.#digest(options)
      this.#known.set(options, content)
    }
    return `${mode}${verify ? '+verify' : ''} ${content}`
  }

  #digest(options: object): string {
    if (Object.keys(options).length === 0) return ''
    const text = JSON.stringify(Object.entries(options).sort(), (_, value: unknown) => this.#plain(value))
    return createHash('sha256').update(text).digest('base64url').slice(0, 22)
  }

  #plain(value: unknown): unknown {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return value
    const isPlain = Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype
    if (isPlain || Buffer.isBuffer(value)) return value
    let handle = this.#handles.get(value)
    if (handle === undefined) {
      handle = ++this.#count
      this.#handles.set(value, handle)
    }
    return `handle ${handle}`
  }
}
