import { Command } from 'commander'
import type { DnsFinding } from '../../../daemon/dns/ask.ts'
import { EXIT } from '../../exit.ts'
import { processTerminal } from '../../terminal.ts'
import { type DnsOptions, orFail, requestOf } from './request.ts'

export function checkCommand(): Command {
  return new Command('check')
    .description('does the DNS answer what "postern dns" prints?')
    .argument('[domain...]', 'only these: domains of ours, or the hostname')
    .option('-c, --config <file>', 'configuration file')
    .option('--state <dir>', 'where data lies, instead of what the configuration says')
    .option('--json', 'print JSON for programs')
    .addHelpText('after', HELP)
    .action(check)
}

const HELP = `
It asks the resolvers of the configuration (dns.servers), and compares by meaning: the order of tags
and how texts are cut does not matter, SPF is evaluated for our addresses, our MTA-STS policy is
fetched. Where the DNS answers differently inside and outside, run it with a resolver outside.
Exits 0 if nothing is missing or different, 1 if anything is. What cannot be told is no failure.

Examples:
  postern dns check
  postern dns check royal.example.test --json`

async function check(domains: readonly string[], _: DnsOptions, command: Command): Promise<void> {
  const options = command.optsWithGlobals<DnsOptions>()
  const terminal = processTerminal()
  // Loaded only here: no other command pays for it
  const { askCheck } = await import('../../../daemon/dns/ask.ts')
  const report = orFail(await askCheck(requestOf(domains, options)))
  if (options.json === true) terminal.json(report)
  else terminal.print(...report.findings.flatMap(describe), summary(report.findings))
  process.exitCode = report.ok ? EXIT.ok : EXIT.failed
}

const WORDS: Readonly<Record<DnsFinding['is'], string>> = {
  ok: 'ok',
  missing: 'missing',
  different: 'different',
  unknown: 'cannot tell',
}

function describe({ is, type, name, purpose, wanted, found, note }: DnsFinding): string[] {
  const head = `${WORDS[is].padEnd(11)}  ${type.padEnd(5)}  ${name}  (${purpose})`
  const remark = note === null ? [] : [`    ${note}`]
  if (is === 'ok') return [head, ...remark]
  const isThere = found.map((text) => `    is there:   ${text}`)
  return [head, ...remark, ...isThere, ...wanted.map((text) => `    should be:  ${text}`)]
}

function summary(findings: readonly DnsFinding[]): string {
  const counts = (Object.keys(WORDS) as DnsFinding['is'][]).map((is) => {
    return `${findings.filter((finding) => finding.is === is).length} ${WORDS[is]}`
  })
  return `${counts.join(', ')}.`
}
