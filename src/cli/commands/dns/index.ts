import { Command } from 'commander'
import { processTerminal } from '../../terminal.ts'
import { checkCommand } from './check.ts'
import { type DnsOptions, orFail, requestOf } from './request.ts'

interface ShowOptions extends DnsOptions {
  readonly zone?: boolean
}

export function dnsCommand(): Command {
  return (
    new Command('dns')
      .description('the records to publish in the DNS, and whether they are there')
      .argument('[domain...]', 'only these: domains of ours, or the hostname')
      .option('-c, --config <file>', 'configuration file')
      .option('--state <dir>', 'where data lies, instead of what the configuration says')
      .option('--zone', 'the records alone, without explanations')
      .option('--json', 'print JSON for programs')
      .addHelpText('after', HELP)
      .action(show)
      // what follows "check" belongs to it
      .enablePositionalOptions()
      .addCommand(checkCommand())
  )
}

const HELP = `
It reads the configuration, and the keys and certificates that it names, so run it as the daemon's
user; no daemon need run. What cannot be known here stands in capitals, in a line that is a comment.

Examples:
  postern dns
  postern dns --zone royal.example.test >> royal.example.test.zone
  postern dns check`

async function show(domains: readonly string[], options: ShowOptions): Promise<void> {
  const terminal = processTerminal()
  // Loaded only here: no other command pays for it
  const { askRecords, zoneData, zoneLine } = await import('../../../daemon/dns/ask.ts')
  const { groups } = orFail(await askRecords(requestOf(domains, options)))
  if (options.json === true) {
    const withData = groups.map((group) => ({
      ...group,
      records: group.records.map((record) => ({ ...record, data: zoneData(record) })),
    }))
    terminal.json({ groups: withData })
    return
  }
  for (const { of, records, remarks } of groups) {
    if (options.zone !== true) terminal.print(`; ${of}`, ...remarks.map((remark) => `; ${remark}`))
    for (const record of records) {
      if (options.zone !== true && record.comment !== null) terminal.print(`;   ${record.comment}`)
      terminal.print(zoneLine(record))
    }
    if (options.zone !== true) terminal.print('')
  }
}
