/** A group of bars that begin at the same line: one a series, in the order of the series. */
export interface BarGroup {
  readonly label: string
  /** A bar of null is not drawn: its text says why. */
  readonly bars: readonly { readonly value: number | null; readonly text: string }[]
}

export interface BarChart {
  readonly title: string
  /** What a bar's length means, with its unit. */
  readonly measure: string
  readonly series: readonly string[]
  readonly groups: readonly BarGroup[]
  /** A second line under the chart, such as the machine. */
  readonly note: string
}

const WIDTH = 920
const LEFT = 310
const RIGHT = 170
const TOP = 84
const BAR = 16
const GAP = 18
// Okabe and Ito's palette: told apart by those who see no red or green, on white and on black
const COLOURS = ['#0072b2', '#e69f00', '#009e73', '#cc79a7', '#56b4e9', '#d55e00']

// Text follows the reader's theme; the bars' colours are legible on both
const STYLE = `
text { font: 13px system-ui, sans-serif; fill: #1f2328; }
.title { font-size: 17px; font-weight: 600; }
.faint { fill: #59636e; font-size: 12px; }
line { stroke: #8c959f; stroke-width: 1; }
@media (prefers-color-scheme: dark) { text { fill: #f0f6fc; } .faint { fill: #9198a1; } }`

/** Horizontal bars as a whole SVG document, readable on light and on dark. Lengths share one scale. */
export function barChart({ title, measure, series, groups, note }: BarChart): string {
  const values = groups.flatMap(({ bars }) => bars.map(({ value }) => value ?? 0))
  const scale = (WIDTH - LEFT - RIGHT) / Math.max(...values, Number.MIN_VALUE)
  const parts = [text(16, 28, title, 'title'), text(16, 48, measure, 'faint'), legend(series)]
  let y = TOP
  for (const { label, bars } of groups) {
    parts.push(text(LEFT - 10, y + (bars.length * BAR) / 2 + 4, label, '', 'end'))
    for (const [i, { value, text: words }] of bars.entries()) {
      const width = (value ?? 0) * scale
      parts.push(`<rect x="${LEFT}" y="${y + 1}" width="${width.toFixed(1)}" height="${BAR - 2}" fill="${colour(i)}"/>`)
      parts.push(text(LEFT + width + 6, y + BAR - 4, words, value === null ? 'faint' : ''))
      y += BAR
    }
    y += GAP
  }
  parts.push(`<line x1="${LEFT}" x2="${LEFT}" y1="${TOP - 4}" y2="${y - GAP + 4}"/>`, text(16, y + 8, note, 'faint'))
  return document(title, y + 22, parts)
}

const colour = (index: number): string => COLOURS[index % COLOURS.length] ?? ''

function legend(series: readonly string[]): string {
  let x = 16
  return series
    .map((name, i) => {
      const at = x
      x += 34 + name.length * 8
      return `<rect x="${at}" y="60" width="12" height="12" fill="${colour(i)}"/>${text(at + 18, 71, name)}`
    })
    .join('\n')
}

const text = (x: number, y: number, words: string, kind = '', anchor = 'start'): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${kind && ` class="${kind}"`} text-anchor="${anchor}">${escaped(words)}</text>`

const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const document = (title: string, height: number, parts: readonly string[]): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>${STYLE}
</style>
${parts.join('\n')}
</svg>
`
