/** The file does not say what its format promises: it cannot be read to its end. */
export class Damaged extends Error {}

/** A limit was reached before the end. */
export class Exhausted extends Error {}

export function damaged(what: string): never {
  throw new Damaged(what)
}

/**
 * What went wrong, in words for the record, or null for an error that is a fault of this library.
 * Reading past the end of a Buffer is a RangeError; node:zlib says what it dislikes in `code`.
 */
export function failureOf(error: unknown): string | null {
  if (error instanceof Damaged || error instanceof Exhausted) return error.message
  if (!(error instanceof Error)) return null
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (code === 'ERR_BUFFER_TOO_LARGE') return 'unpacks to more than is allowed'
  if (code.startsWith('Z_') || code.startsWith('ZSTD_')) return 'packed data is damaged'
  if (code.startsWith('ERR_OSSL')) return 'decryption failed'
  return error instanceof RangeError ? 'ends too early' : null
}
