/** What a command exits with, after sysexits.h where it has a word for it. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 64,
  /** The message asked for is not there. */
  notFound: 66,
  /** The daemon is not running, or cannot work now. */
  unavailable: 69,
  noPermission: 77,
  config: 78,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]

/** Ends a command: `message` goes to standard error as it stands, then the process exits with `code`. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure'
  readonly code: ExitCode
  /** It is certain that no daemon runs. */
  readonly notRunning: boolean

  constructor(code: ExitCode, message: string, { notRunning = false } = {}) {
    super(message)
    this.code = code
    this.notRunning = notRunning
  }
}
