import type { Random } from '../random.ts'

/** The text with one to four pieces taken out, repeated, turned round or replaced by what parsers stumble over. Binary text stays such. */
export function altered(seed: string, random: Random): string {
  let text = seed
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(text.length + 1)
    const length = random.below(8)
    const piece = text.slice(at, at + length)
    const instead = random.pick([
      '',
      piece.repeat(1 + random.below(40)),
      String.fromCharCode(random.below(256)),
      random.pick([
        '\0',
        '\r',
        '\n',
        '"',
        '\\',
        '(',
        '<',
        '\xff\xff\xff\xff',
        '999999999999',
        '-1',
        '__proto__',
        '%',
        '=',
      ]),
      [...piece].reverse().join(''),
    ])
    text = text.slice(0, at) + instead + text.slice(at + length)
  }
  return text
}
