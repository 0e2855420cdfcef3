import { formatAddress } from '../mail/address.ts'
import type { Recorded, RecordedRecipient } from './recorded.ts'
import type { Example } from './report.ts'

/** Different groups of one kind that are kept. */
const MOST_GROUPS = 500

interface Group<What> {
  readonly what: What
  readonly example: Example
  messages: number
  recipients: number
  last: Recorded
}

/** Something counted, with its oldest example. */
export interface Counted<What> {
  readonly what: What
  readonly example: Example
  readonly messages: number
  readonly recipients: number
  readonly lastAt: string
}

/** Counts messages and recipients by what is the same about them, in bounded memory. Messages come one after the other. */
export class Tally<What> {
  readonly #groups = new Map<string, Group<What>>()
  #more = 0
  #messages = 0
  #last: Recorded | null = null

  add(key: string, what: What, recorded: Recorded, recipient: RecordedRecipient): void {
    if (this.#last !== recorded) this.#messages++
    this.#last = recorded
    const known = this.#groups.get(key)
    if (known !== undefined) again(known, recorded)
    else if (this.#groups.size >= MOST_GROUPS) this.#more++
    else
      this.#groups.set(key, {
        what,
        example: exampleOf(recorded, recipient),
        messages: 1,
        recipients: 1,
        last: recorded,
      })
  }

  /** Of all groups together, each once. */
  get messages(): number {
    return this.#messages
  }

  /** Recipients that stand in no group, because there were too many. */
  get more(): number {
    return this.#more
  }

  /** Most messages first. */
  get groups(): Counted<What>[] {
    const counted = [...this.#groups.values()].map(({ last, ...group }) => ({ ...group, lastAt: iso(last.at) }))
    return counted.sort((a, b) => b.messages - a.messages)
  }
}

function again<What>(group: Group<What>, recorded: Recorded): void {
  if (group.last !== recorded) group.messages++
  group.recipients++
  group.last = recorded
}

const iso = (at: number): string => new Date(at).toISOString()

export const senderText = ({ sender }: Recorded): string | null =>
  sender === undefined ? null : sender === null ? '<>' : formatAddress(sender)

export const exampleOf = (recorded: Recorded, { address }: RecordedRecipient): Example => ({
  queueId: recorded.queueId,
  receivedAt: iso(recorded.at),
  sender: senderText(recorded),
  recipient: formatAddress(address),
})
