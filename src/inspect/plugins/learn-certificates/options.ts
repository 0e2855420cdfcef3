import { OptionsReader } from '../../options.ts'

export interface LearnOptions {
  /** Larger messages are not looked at, bytes. */
  readonly largest: number
}

const MEBIBYTE = 1024 * 1024

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseLearnOptions(raw: unknown): LearnOptions {
  const reader = new OptionsReader('learn-certificates', raw)
  const largest = reader.integer('largest', 1024, 128 * MEBIBYTE, 10 * MEBIBYTE)
  reader.done()
  return { largest }
}
