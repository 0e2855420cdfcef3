/** The candidate that differs least from a word, if it is close enough to have been meant; null otherwise. */
export function nearest(word: string, candidates: readonly string[]): string | null {
  let best: string | null = null
  let least = Math.max(1, Math.floor(word.length / 3)) + 1
  for (const candidate of candidates) {
    const distance = word.toLowerCase() === candidate.toLowerCase() ? 0 : editDistance(word, candidate, least)
    if (distance < least) [best, least] = [candidate, distance]
  }
  return best
}

/** Insertions, deletions, replacements and swaps of neighbours that make `b` of `a`; `limit` or more if they are that many. */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const row = nextRow(a, b, i, last, before)
    before = last
    last = row
  }
  return last[b.length] ?? limit
}

function nextRow(a: string, b: string, i: number, last: readonly number[], before: readonly number[]): number[] {
  const row = [i]
  for (let j = 1; j <= b.length; j++) {
    const replaced = at(last, j - 1) + (a[i - 1] === b[j - 1] ? 0 : 1)
    const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? at(before, j - 2) + 1 : Infinity
    row.push(Math.min(replaced, at(row, j - 1) + 1, at(last, j) + 1, swapped))
  }
  return row
}

const at = (row: readonly number[], index: number): number => row[index] ?? Infinity
