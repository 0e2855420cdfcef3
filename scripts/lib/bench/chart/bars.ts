/** What a series of bars is called, and its colour in every chart. */
export interface Series {
  readonly label: string
  readonly colour: string
}

/** A bar; one of null is not drawn: its text says why. */
export interface Bar {
  readonly value: number | null
  readonly text: string
}

/** A group of bars that begin at the same line: one a series, in the order of the series; a series may have none. */
export interface BarGroup {
  readonly label: string
  readonly bars: readonly (Bar | undefined)[]
}

export interface BarChart {
  readonly title: string
  /** What a bar's length means, with its unit. */
  readonly measure: string
  readonly series: readonly Series[]
  readonly groups: readonly BarGroup[]
  /** A second line under the chart, such as the machine. */
  readonly note: string
}

/** The page that a chart is shown on. */
export type Theme = 'light' | 'dark'

const WIDTH = 920
const RIGHT = 150
/** A group's label is broken into lines of so many letters. */
const LABEL = 30
/** So wide a letter of the text is, about; names are given a little more. */
const LETTER = 7.4
/** From one line of text to the next. */
const LINE = 16
const TOP = 88
const BAR = 17
const GAP = 16

const INK = {
  light: { text: '#1f2328', faint: '#59636e', line: '#8c959f' },
  dark: { text: '#f0f6fc', faint: '#9198a1', line: '#656c76' },
} as const

/** Horizontal bars as a whole SVG document without a ground, for one kind of page. Lengths share one scale. */
export function barChart({ title, measure, series, groups, note }: BarChart, theme: Theme = 'light'): string {
  const values = groups.flatMap(({ bars }) => bars.map((bar) => bar?.value ?? 0))
  const labels = groups.map(({ label }) => broken(label))
  const left = Math.ceil(Math.max(...labels.flat().map(({ length }) => length * LETTER)) + 30)
  const scale = (WIDTH - left - RIGHT) / Math.max(...values, Number.MIN_VALUE)
  const parts = [text(16, 28, title, 'title'), text(16, 48, measure, 'faint'), legend(series)]
  let y = TOP
  for (const [at, { bars }] of groups.entries()) {
    const drawn = bars.flatMap((bar, i) => (bar === undefined ? [] : [{ ...bar, colour: series[i]?.colour ?? '' }]))
    parts.push(...labelText(left - 10, y + (drawn.length * BAR) / 2, labels[at] ?? []))
    for (const { value, text: words, colour } of drawn) {
      const width = (value ?? 0) * scale
      parts.push(`<rect x="${left}" y="${y + 1}" width="${width.toFixed(1)}" height="${BAR - 2}" fill="${colour}"/>`)
      parts.push(text(left + width + 6, y + BAR - 4, words, value === null ? 'faint' : ''))
      y += BAR
    }
    y += GAP
  }
  parts.push(`<line x1="${left}" x2="${left}" y1="${TOP - 4}" y2="${y - GAP + 4}"/>`, text(16, y + 8, note, 'faint'))
  return document(title, y + 22, parts, theme)
}

/** A label in lines, at most so long each. */
function broken(label: string): string[] {
  const lines: string[] = []
  for (const word of label.split(' ')) {
    const longer = `${lines.at(-1) ?? ''} ${word}`.trim()
    if (lines.length > 0 && longer.length <= LABEL) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

/** Lines of text that end at x, around the height y. */
const labelText = (x: number, y: number, lines: readonly string[]): string[] =>
  lines.map((line, i) => text(x, y + 4 + (i - (lines.length - 1) / 2) * LINE, line, '', 'end'))

function legend(series: readonly Series[]): string {
  let x = 16
  return series
    .map(({ label, colour }) => {
      const at = x
      x += 40 + label.length * LETTER
      return `<rect x="${at.toFixed(1)}" y="60" width="12" height="12" fill="${colour}"/>${text(at + 18, 71, label)}`
    })
    .join('\n')
}

const text = (x: number, y: number, words: string, kind = '', anchor = 'start'): string =>
  `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}"${kind && ` class="${kind}"`} text-anchor="${anchor}">${escaped(words)}</text>`

const escaped = (words: string): string =>
  words.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

const document = (title: string, height: number, parts: readonly string[], theme: Theme): string =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escaped(title)}">
<style>
text { font: 13px system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: ${INK[theme].text}; }
.title { font-size: 17px; font-weight: 600; }
.faint { fill: ${INK[theme].faint}; font-size: 12px; }
line { stroke: ${INK[theme].line}; stroke-width: 1; }
</style>
${parts.join('\n')}
</svg>
`
