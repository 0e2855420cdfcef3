import type { RegisterFile } from '../../../config/secure-domains/index.ts'
import type { ApiReload, ApiStatus } from '../../api.ts'
import { CommandFailure, EXIT, type ExitCode } from '../../exit.ts'
import type { DaemonOptions } from '../../options.ts'
import { openSession, type Session } from '../../session.ts'
import { configPath } from '../../socket.ts'

/** What is known of the register is loaded only by the commands that need it. */
export type Kit = typeof import('../../../config/secure-domains/index.ts')

/** Where a command works on the register. */
export interface Place {
  readonly session: Session
  readonly kit: Kit
  /** The configuration file. */
  readonly config: string
  /** The register. */
  readonly file: string
  /** How long before its last day an entry is warned of, milliseconds. */
  readonly warnMs: number
  /** What stands there now. */
  readonly register: RegisterFile
}

/** Finds the register that the configuration names, and reads it. Ends the command where there is none, or it holds mistakes. */
export async function openPlace(options: DaemonOptions): Promise<Place> {
  const { formatProblem, loadConfig } = await import('../../../config/index.ts')
  const kit = await import('../../../config/secure-domains/index.ts')
  const config = configPath(options)
  const { state } = options
  const loaded = loadConfig(config, {
    env: process.env,
    missingRegister: 'empty',
    ...(state !== undefined && { stateDir: state }),
  })
  if (!loaded.ok) throw new CommandFailure(EXIT.config, loaded.problems.map(formatProblem).join('\n'))
  const { secureDomains } = loaded.config
  if (secureDomains === null) throw new CommandFailure(EXIT.config, `${config} ${NO_REGISTER}`)
  const { file, warnMs } = secureDomains
  const read = kit.currentRegister(file)
  if (!read.ok) throw new CommandFailure(EXIT.config, read.problems.map(formatProblem).join('\n'))
  return { session: openSession(options), kit, config, file, warnMs, register: read.register }
}

const NO_REGISTER = `names no register of secure domains. Add to it:
  secureDomains: { file: secure-domains.csv }`

/** A change that a command wants to make. */
export interface Proposal {
  /** The same object as before: nothing changes. */
  readonly next: RegisterFile
  /** What a person must agree to, and what they should see before; null: nothing. */
  readonly question: { readonly lines: readonly string[]; readonly text: string } | null
}

export interface Confirmation {
  readonly yes?: boolean
}

/** Whether a change counts already, and why not. */
export interface InForce {
  readonly inForce: boolean
  readonly note: string | null
  readonly code: ExitCode
}

/**
 * Makes a change: asks if it must, writes the register, and has the daemon read it. Null if a person said no.
 * The change is made to what stands there at that moment; where that is not what the question was about, to nothing.
 */
export async function makeChange(
  place: Place,
  options: Confirmation,
  propose: (register: RegisterFile) => Proposal,
): Promise<InForce | null> {
  const first = propose(place.register)
  if (first.question !== null && !(await agreed(place.session, first.question, options))) return null
  write(place, (register) => {
    const { next, question } = propose(register)
    if (JSON.stringify(question) !== JSON.stringify(first.question)) throw new CommandFailure(EXIT.failed, MEANWHILE)
    return next
  })
  return putInForce(place)
}

const MEANWHILE =
  'The register was changed meanwhile by somebody else. Nothing was changed now: look at it, and try again.'

async function agreed({ terminal }: Session, question: NonNullable<Proposal['question']>, { yes }: Confirmation) {
  if (yes === true) return true
  for (const line of question.lines) terminal.hint(line)
  if (!terminal.interactive) {
    throw new CommandFailure(EXIT.usage, `${question.text}\nThere is nobody to ask here: add --yes to do it.`)
  }
  if (await terminal.confirm(question.text)) return true
  terminal.hint('Nothing was changed.')
  return false
}

function write({ kit, file, config }: Place, change: (register: RegisterFile) => RegisterFile): void {
  try {
    kit.changeRegister(file, config, change)
  } catch (error) {
    if (error instanceof CommandFailure) throw error
    if (error instanceof kit.RegisterFaulty) throw new CommandFailure(EXIT.config, error.problems.join('\n'))
    const { code, message } = error as NodeJS.ErrnoException
    if (error instanceof kit.LockTaken) throw new CommandFailure(EXIT.unavailable, `${message}. Nothing was changed.`)
    const denied = code === 'EACCES' || code === 'EPERM' || code === 'SQLITE_READONLY' || code === 'SQLITE_CANTOPEN'
    const advice = denied ? ' Run it as the owner of that file, or with sudo.' : ''
    throw new CommandFailure(denied ? EXIT.noPermission : EXIT.failed, `Cannot write ${file}: ${message}.${advice}`)
  }
}

/** Has the daemon read the register. Without one, it counts from the next start. */
async function putInForce({ session, config }: Place): Promise<InForce> {
  try {
    const { ok, problems } = await session.api.post<ApiReload>('/v1/reload', { by: session.by })
    if (!ok)
      return notYet(EXIT.config, `not in force: the daemon goes on with the old configuration.\n${problems.join('\n')}`)
    const { configFile } = await session.api.get<ApiStatus>('/v1/status')
    if (configFile === config) return { inForce: true, note: null, code: EXIT.ok }
    return notYet(
      EXIT.ok,
      `the running daemon has another configuration, ${configFile}: it counts where ${config} is used.`,
    )
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error
    if (error.notRunning) return notYet(EXIT.ok, 'no daemon runs: it counts from the next start.')
    return notYet(error.code, `not known to be in force: ${error.message} Have it reload: postern reload`)
  }
}

const notYet = (code: ExitCode, note: string): InForce => ({ inForce: false, note, code })

/** Says how it went, in words or as JSON. */
export function tellChange({ session: { terminal, json } }: Place, done: string, found: InForce, facts: object): void {
  const { inForce, note, code } = found
  if (json) terminal.json({ ...facts, inForce, note })
  else terminal.print(inForce ? `${done} In force.` : `${done} Written; ${note}`)
  process.exitCode = code
}
