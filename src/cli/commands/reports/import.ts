import { readFile, stat } from 'node:fs/promises'
import { Command } from 'commander'
import type { ApiIngested, ApiReportKind } from '../../api.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'

// What the daemon takes, in base64
const LARGEST = 20 * 1024 * 1024

export function importCommand(kind: ApiReportKind): Command {
  const command = new Command('import')
    .argument('<file>', 'a report: plain, gzip, zip, or the whole message that it came in')
    .description('reads a report from a file')
  return withDaemonOptions(command).action((file: string, options: DaemonOptions) => importFile(kind, file, options))
}

async function importFile(kind: ApiReportKind, file: string, options: DaemonOptions): Promise<void> {
  const { api, terminal, json, by } = openSession(options)
  const content = (await contentOf(file)).toString('base64')
  const found = await api.post<ApiIngested>(`/v1/reports/${kind}/import`, { content, by })
  if (json) terminal.json(found)
  else if ('id' in found) {
    const words = found.is === 'known' ? 'is here already, as' : 'was read:'
    terminal.print(`${found.reportId} by ${found.organisation} ${words} report ${found.id}`)
  }
  if (!('id' in found)) throw new CommandFailure(EXIT.failed, `${file} was not read as a report: ${found.why}`)
}

async function contentOf(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file)
    if (size === 0 || size > LARGEST) throw new Error(`${size} bytes; expected 1 to ${LARGEST}`)
    return await readFile(file)
  } catch (error) {
    throw new CommandFailure(EXIT.usage, `${file} cannot be read: ${(error as Error).message}`)
  }
}
