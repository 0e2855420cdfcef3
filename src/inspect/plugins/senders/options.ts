import { ACTIONS, type Action } from '../../action.ts'
import { OptionsError, OptionsReader } from '../../options.ts'

export interface SendersOptions {
  /** The list; its format stands in `list.ts`. */
  readonly file: string
  /** What is done about mail that the list denies. */
  readonly action: Exclude<Action, 'off'>
  /** How often a use looks whether the file has changed, milliseconds. */
  readonly recheckMs: number
}

const RECHECK_MS = 10_000

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseSendersOptions(raw: unknown): SendersOptions {
  const reader = new OptionsReader('senders', raw)
  const file = reader.text('file')
  const action = reader.choice('action', ACTIONS, 'reject')
  const recheckMs = reader.integer('recheck', 0, 86_400_000, RECHECK_MS)
  reader.done()
  if (file === null) throw new OptionsError('senders: file: expected the path of the list, found nothing')
  if (action === 'off') throw new OptionsError('senders: action: to do nothing, leave the plugin out')
  return { file, action, recheckMs }
}
