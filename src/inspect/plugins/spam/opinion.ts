/** What a scanner thinks of a message, whichever scanner it is. */
export interface Opinion {
  readonly score: number
  /** Names of the rules that spoke, with their part of the score where the scanner tells it. */
  readonly symbols: readonly { readonly name: string; readonly score: number | null }[]
  /** What the scanner asks for besides its score. */
  readonly wants: 'defer' | 'greylist' | 'hold' | null
}

/** A scanner's answer is bounded: names as rules have them, and not more than anybody reads. */
const MAX_SYMBOLS = 200
const SYMBOL = /^[A-Za-z0-9_.:-]{1,100}$/

/** Symbols as they may stand in a header field, those that weigh most first. */
export function tidySymbols(symbols: Opinion['symbols']): Opinion['symbols'] {
  return symbols
    .filter(({ name }) => SYMBOL.test(name))
    .sort((a, b) => Math.abs(b.score ?? 0) - Math.abs(a.score ?? 0))
    .slice(0, MAX_SYMBOLS)
}
