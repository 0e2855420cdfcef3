import { readFileSync } from 'node:fs'
import { act } from '../../inspect/action.ts'
import { OptionsError } from '../../inspect/options.ts'
import { SenderList } from '../../inspect/plugins/senders/list.ts'
import { parseSendersOptions } from '../../inspect/plugins/senders/options.ts'
import { CONTINUE } from '../../mail/verdict.ts'
import type { Judge, Judgement } from './case.ts'

/** The list as it is now, for those who sent then. Throws OptionsError if it cannot be read. */
export function sendersJudge(raw: unknown): Judge {
  const { file, action } = parseSendersOptions(raw)
  const list = SenderList.parse(textOf(file), file)
  return ({ recorded: { address, sender } }): Judgement => {
    if (address === null || sender === undefined) return { unknown: 'who sent it is not on record' }
    const denied = list.denies(address, sender)
    if (denied === null) return { verdict: CONTINUE }
    const text = 'Mail from this sender is not taken'
    return { verdict: act('senders', action, { reason: `${denied} is denied`, enhanced: '5.7.1', text }) }
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new OptionsError(`senders: ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}
