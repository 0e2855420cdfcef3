import { parseQueueId, type QueueId } from '../../../mail/queue-id.ts'
import { CommandFailure, EXIT } from '../../exit.ts'

/** What was typed as queue ids. */
export function queueIds(texts: readonly string[]): readonly QueueId[] {
  const wrong = texts.find((text) => parseQueueId(text) === null)
  if (wrong !== undefined) {
    const expected = 'expected eleven letters and digits such as 00KX3T9A001'
    throw new CommandFailure(EXIT.usage, `${wrong} is no queue id: ${expected}.`)
  }
  return texts as readonly QueueId[]
}
