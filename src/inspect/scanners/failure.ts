/**
 * Why a scanner gave no answer that counts.
 * `unreachable`: no connection. `broken`: it ended within the exchange. `late`: no answer in time.
 * `nonsense`: an answer that cannot be understood. `busy`: no place in the queue of this relay.
 * `left`: whoever asked has gone, or waits no longer.
 * `refused`: the scanner says that it cannot look at this message. `limit`: it is over a limit of the scanner's.
 */
export type FailureKind = 'unreachable' | 'broken' | 'late' | 'nonsense' | 'busy' | 'left' | 'refused' | 'limit'

/** A message was not scanned. The text is for the log and for operators, never for the wire. */
export class ScannerFailure extends Error {
  override readonly name = 'ScannerFailure'
  readonly kind: FailureKind

  constructor(kind: FailureKind, text: string) {
    super(text)
    this.kind = kind
  }
}

/** Any error as a failure of the scanner. */
export function failureOf(error: unknown, kind: FailureKind): ScannerFailure {
  if (error instanceof ScannerFailure) return error
  return new ScannerFailure(kind, error instanceof Error ? error.message : String(error))
}

/** What a scanner said, fit for one line of a log. */
export const shown = (text: string): string => text.slice(0, 200).replace(/[^\x20-\x7e]/g, '?')
