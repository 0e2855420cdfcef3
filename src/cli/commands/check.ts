import { Command } from 'commander'
import type { Finding, Problem } from '../../config/index.ts'
import { EXIT } from '../exit.ts'
import { configPath } from '../socket.ts'
import { processTerminal, type Terminal } from '../terminal.ts'
import { counted } from '../text/size.ts'
import { isReplay, REPLAY_HELP, type ReplayOptions, replayCheck, withReplayOptions } from './check-replay.ts'

interface CheckOptions extends ReplayOptions {
  /** `--no-environment` sets it to false. */
  readonly environment: boolean
}

export function checkCommand(): Command {
  const command = new Command('check')
    .description('is the configuration right, and does this machine fit it? Changes nothing')
    .option('-c, --config <file>', 'configuration file')
    .option('--state <dir>', 'where data would lie, instead of what the configuration says')
    .option('--no-environment', 'look at the file alone: not at certificates, folders, disk and ports')
    .option('--json', 'print JSON for programs')
  return withReplayOptions(command).addHelpText('after', HELP).action(check)
}

const HELP = `
Every mistake is one line, file:line:column: key: what is wrong. Exits 78 if the file is wrong, 1 if
this machine does not fit it, 0 if all is well or there are warnings only. Run it as the user that
the daemon runs as: what root may read, the daemon may not.
${REPLAY_HELP}

Examples:
  postern check --config /etc/postern/postern.yaml
  sudo -u postern postern check && systemctl reload postern
  sudo -u postern postern check --replay 7 --with /etc/postern/new.yaml`

/** What was found, as `--json` prints it. */
interface Report {
  readonly ok: boolean
  readonly problems: readonly Problem[]
  readonly warnings: readonly Problem[]
  readonly findings: readonly Finding[]
}

async function check(options: CheckOptions): Promise<void> {
  if (isReplay(options)) return replayCheck(options)
  const terminal = processTerminal()
  const file = configPath(options)
  const report = await examine(file, options)
  if (options.json === true) terminal.json(report)
  else await tell(terminal, file, report)
  process.exitCode = exitCode(report)
}

async function examine(file: string, { state, environment }: CheckOptions): Promise<Report> {
  const { checkEnvironment, loadConfig } = await import('../../config/index.ts')
  const loaded = loadConfig(file, { env: process.env, ...(state !== undefined && { stateDir: state }) })
  if (!loaded.ok) return { ok: false, problems: loaded.problems, warnings: [], findings: [] }
  const findings = environment ? await checkEnvironment(loaded.config) : []
  const ok = findings.every(({ level }) => level === 'warning')
  return { ok, problems: [], warnings: loaded.warnings, findings }
}

async function tell(terminal: Terminal, file: string, { ok, problems, warnings, findings }: Report): Promise<void> {
  const { formatFinding, formatProblem } = await import('../../config/index.ts')
  terminal.print(...problems.map(formatProblem))
  terminal.print(...warnings.map((warning) => `warning: ${formatProblem(warning)}`))
  terminal.print(...findings.map(formatFinding))
  const errors = problems.length + findings.filter(({ level }) => level === 'error').length
  const warned = warnings.length + findings.filter(({ level }) => level === 'warning').length
  if (!ok) terminal.hint(`${file}: ${counted(errors, 'error')}.`)
  else terminal.print(`${file} is right${warned === 0 ? '' : `, with ${counted(warned, 'warning')}`}.`)
}

function exitCode({ ok, problems }: Report): number {
  if (problems.length > 0) return EXIT.config
  return ok ? EXIT.ok : EXIT.failed
}
