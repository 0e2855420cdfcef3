import { mkdirSync, writeFileSync } from 'node:fs'
import { arch, cpus, release, totalmem, type } from 'node:os'
import { join } from 'node:path'
import type { Cut } from './ending.ts'
import type { Cell, Promised, Proof, Table } from './part.ts'

/** What came of one part, with all that makes it repeatable. */
export interface Result {
  readonly part: string
  readonly at: string
  readonly command: string
  readonly seed: number
  readonly seconds: number
  readonly machine: string
  readonly proof: Proof | null
  /** Why it could not run here, or null. */
  readonly missing: string | null
  /** What went wrong, or null. */
  readonly failed: string | null
  /** Why it did not do all that it was to do, or null. */
  readonly cut: Cut | null
}

export const CUT_SHORT: Readonly<Record<Cut, string>> = {
  interrupted: 'cut short: interrupted',
  'out of time': 'cut short: its minutes were over',
}

/** Whether the part ran and every promise held; where it could not run, `mayMiss` decides. */
export function isGood({ proof, missing, failed }: Result, mayMiss: boolean): boolean {
  if (missing !== null) return mayMiss
  return failed === null && proof?.promises.every(({ kept }) => kept) === true
}

export const machine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${type()} ${release()} ${arch()}, Node ${process.version}`

/** For the terminal. */
export function asText(proof: Proof): string {
  return [
    ...proof.tables.map(textTable),
    proof.promises.map(promiseText).join('\n'),
    (proof.notes ?? []).map((note) => `note: ${note}`).join('\n'),
  ]
    .filter((block) => block !== '')
    .join('\n\n')
}

/** Writes `PART.json` and `PART.md` into the folder, which is made if missing. */
export function write(folder: string, result: Result): void {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `${result.part}.json`), `${JSON.stringify(result, null, 2)}\n`)
  writeFileSync(join(folder, `${result.part}.md`), asMarkdown(result))
}

function asMarkdown(result: Result): string {
  const { part, command, seed, at, seconds, proof, missing, failed } = result
  const cut = result.cut === null ? '' : `, ${CUT_SHORT[result.cut]}`
  const origin = `Made by \`${command}\` (seed ${seed}) at ${at} in ${seconds} s${cut} on ${result.machine}.`
  const trouble = missing === null ? failed && `Failed: ${failed}` : `Could not run: ${missing}`
  const body = proof === null ? [trouble ?? ''] : proofMarkdown(proof)
  return `${[`## ${part}`, origin, ...body].join('\n\n')}\n`
}

const proofMarkdown = ({ tables, promises, notes = [] }: Proof): string[] => [
  ...tables.map(markdownTable),
  promises
    .map(({ text, kept, detail }) => `- ${kept ? 'kept' : '**BROKEN**'}: ${text}${detail ? ` (${detail})` : ''}`)
    .join('\n'),
  ...notes,
]

function markdownTable({ title, columns, rows }: Table): string {
  const line = (cells: readonly Cell[]) => `| ${cells.map((cell) => show(cell).replaceAll('|', '\\|')).join(' | ')} |`
  const rule = columns.map((_, i) => (rows.every((row) => typeof row[i] === 'number') ? '---:' : '---'))
  return [`**${title}**`, '', line(columns), `| ${rule.join(' | ')} |`, ...rows.map(line)].join('\n')
}

function textTable({ title, columns, rows }: Table): string {
  const lines = [columns, ...rows.map((row) => row.map(show))]
  const widths = columns.map((_, i) => Math.max(...lines.map((cells) => cells[i]?.length ?? 0)))
  const isFigure = columns.map((_, i) => rows.every((row) => typeof row[i] === 'number'))
  const pad = (cell: string, i: number) => (isFigure[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0))
  return [title, ...lines.map((cells) => cells.map(pad).join('  ').trimEnd())].join('\n')
}

const promiseText = ({ text, kept, detail }: Promised): string =>
  `${kept ? 'kept  ' : 'BROKEN'}  ${text}${detail ? ` (${detail})` : ''}`

const show = (cell: Cell): string => {
  if (typeof cell === 'string') return cell
  return Number.isInteger(cell) ? cell.toLocaleString('en-GB') : cell.toFixed(2)
}
