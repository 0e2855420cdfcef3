import { globSync, readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { fileURLToPath } from 'node:url'

const FOLDER = fileURLToPath(new URL('seeds', import.meta.url))

/** A text that once found a fault. */
export interface Seed {
  /** Which parser it is for: the name of its folder. */
  readonly parser: string
  /** What it found. */
  readonly name: string
  /** Binary text. */
  readonly text: string
}

/** All that are kept: `seeds/PARSER/WHAT.json` is a list of pieces, each with how often it stands there. */
export function keptSeeds(): readonly Seed[] {
  return globSync(`${FOLDER}/*/*.json`)
    .sort()
    .map((file) => {
      const pieces = JSON.parse(readFileSync(file, 'utf8')) as readonly (readonly [string, number])[]
      const text = pieces.map(([piece, times]) => piece.repeat(times)).join('')
      return { parser: basename(dirname(file)), name: basename(file, '.json'), text }
    })
}
