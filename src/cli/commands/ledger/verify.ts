import { resolve } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import type { LedgerProblem, VerifyReport } from '../../../daemon/ledger-verify.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { wholeNumber } from '../../options.ts'
import { configPath } from '../../socket.ts'
import { processTerminal, type Terminal } from '../../terminal.ts'
import { counted } from '../../text/size.ts'
import { formatMoment } from '../../text/time.ts'

type Expected = { readonly entry: number; readonly hash: string }

interface VerifyOptions {
  readonly config?: string
  readonly state?: string
  readonly file?: string
  readonly key: readonly string[]
  readonly expect: readonly Expected[]
  readonly fromCheckpoint?: number | 'last'
  readonly withSpool?: boolean
  readonly json?: boolean
}

export function verifyCommand(): Command {
  return new Command('verify')
    .description('was any entry of the record altered, taken out, put in or moved?')
    .option('-c, --config <file>', 'configuration file, which says where the ledger and its key are')
    .option('--state <dir>', 'where data lies, instead of what the configuration says')
    .option('--file <path>', "a ledger's file: a copy, or one that was set aside")
    .option('--key <file>', 'a key (PEM) whose signatures count; may be repeated', repeated, [])
    .option('--expect <entry:hash>', "a point from the daemon's log that must be in it; may be repeated", expected, [])
    .option('--from-checkpoint <entry>', 'begin at that checkpoint, or at the last', checkpoint)
    .option('--with-spool', 'compare with the queue too: what waits there must be open here, and the other way round')
    .option('--json', 'print JSON for programs')
    .addHelpText('after', HELP)
    .action(verify)
}

const HELP = `
It reads the file as it lies there, whether the daemon runs or not; run it as the daemon's user. The
daemon's log holds points of the chain, as "ledger checkpoint" with entry and hash: whoever can write
to the ledger cannot change those. Exits 0 if all is as it was written, 1 if anything is not.

Examples:
  sudo -u postern postern ledger verify --with-spool
  postern ledger verify --from-checkpoint last
  postern ledger verify --file ledger-copy.db --key ledger-public.pem --expect 81920:9f86d081…`

const repeated = (value: string, before: readonly string[]): readonly string[] => [...before, value]

function expected(text: string, before: readonly Expected[]): readonly Expected[] {
  const [, entry, hash] = /^(\d{1,15}):([0-9a-f]{64})$/i.exec(text) ?? []
  if (entry === undefined || hash === undefined) {
    throw new InvalidArgumentError('Expected an entry, a colon, and its hash in 64 hexadecimal digits.')
  }
  return [...before, { entry: Number(entry), hash }]
}

const checkpoint = (text: string): number | 'last' => (text === 'last' ? 'last' : wholeNumber(text))

async function verify(options: VerifyOptions): Promise<void> {
  const terminal = processTerminal()
  // Loaded only here: no other command pays for the ledger
  const { verifyRecord } = await import('../../../daemon/ledger-verify.ts')
  const verified = await verifyRecord({
    file: options.file === undefined ? null : resolve(options.file),
    configFile: options.file !== undefined && options.withSpool !== true ? '' : configPath(options),
    stateDir: options.state ?? null,
    keyFiles: options.key,
    expect: options.expect,
    withSpool: options.withSpool === true,
    ...(options.fromCheckpoint !== undefined && { fromCheckpoint: options.fromCheckpoint }),
    ...(terminal.interactive && { onProgress: progress(terminal) }),
  })
  if ('wrong' in verified)
    throw new CommandFailure(verified.config ? EXIT.config : EXIT.failed, verified.wrong.join('\n'))
  if (options.json === true) terminal.json(verified.report)
  else terminal.print(...describe(verified.report))
  process.exitCode = verified.report.ok ? EXIT.ok : EXIT.failed
}

/** A line for each tenth. */
function progress(terminal: Terminal): (done: number, total: number) => void {
  let told = 0
  return (done, total) => {
    const tenth = total === 0 ? 0 : Math.floor((10 * done) / total)
    if (tenth <= told || tenth === 10) return
    told = tenth
    terminal.hint(`${tenth * 10} % of ${total} entries`)
  }
}

function describe(report: VerifyReport): string[] {
  const { entries, after, unchained, checkpoints, head, problems, more, ok } = report
  const from = after === 0 ? '' : ` after entry ${after}`
  return [
    ...problems.map(describeProblem),
    ...(more === 0 ? [] : [`… and ${more} more`]),
    ...(unchained === 0 ? [] : [`${unchained} entries are from before the chain: nothing can be said of them`]),
    `${report.file}: ${entries} ${entries === 1 ? 'entry' : 'entries'}${from}, ${counted(checkpoints.count, 'checkpoint')}, ${signatures(checkpoints)}`,
    ...(head === null
      ? []
      : [`head of the chain: entry ${head.entry}, ${head.hash}, ${formatMoment(new Date(head.at).toISOString())}`]),
    ok ? 'All is as it was written.' : `NOT as it was written: ${counted(problems.length + more, 'finding')}.`,
  ]
}

function signatures({ signed, good }: VerifyReport['checkpoints']): string {
  if (signed === 0) return 'none of them signed'
  return good === 0
    ? `${signed} of them signed, which was not checked without a key`
    : `${good} of them with a good signature`
}

/** A time that was altered may be none. */
function describeProblem({ what, queueId, at, text }: LedgerProblem): string {
  const isTime = at !== null && Math.abs(at) < 8.64e15
  const message = queueId === null ? [] : [`message ${queueId}`]
  const time = isTime ? [formatMoment(new Date(at).toISOString())] : []
  const where = [...message, ...time].join(', ')
  return `${what}: ${text}${where === '' ? '' : ` (${where})`}`
}
