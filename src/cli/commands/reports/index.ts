import { Command } from 'commander'
import type { ApiReportKind } from '../../api.ts'
import { importCommand } from './import.ts'
import { listCommand } from './list.ts'
import { outgoingCommand } from './outgoing.ts'
import { showCommand } from './show.ts'
import { summaryCommand } from './summary.ts'

/** `postern tls-report`: what others report about TLS with us, and what we report to them. */
export const tlsReportCommand = (): Command =>
  reportCommand('tls-report', 'tls', 'what others report about TLS with us, and what we report to them (RFC 8460)')

/** `postern dmarc-report`: likewise about mail in the name of our domains. */
export const dmarcReportCommand = (): Command =>
  reportCommand(
    'dmarc-report',
    'dmarc',
    'what others report about mail in our name, and what we report to them (DMARC)',
  )

function reportCommand(name: string, kind: ApiReportKind, description: string): Command {
  const command = new Command(name).description(description)
  const makers = [summaryCommand, listCommand, showCommand, importCommand, outgoingCommand]
  for (const make of makers) command.addCommand(make(kind))
  return command
}
