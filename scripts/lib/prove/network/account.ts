import type { Received } from '../../../../test/support/sink.ts'
import { holdsVirus, idIn, isWhole, type ProofMail } from './mail.ts'

/** What must be true of all mail when everything is over. */
export class Account {
  /** Ids that were answered 250 after the final dot. */
  readonly acknowledged = new Set<string>()
  /** How often each id arrived whole. */
  readonly arrived = new Map<string, number>()
  /** Ids of which the virus scanner was sent the beginning. */
  readonly handedToScanner = new Set<string>()
  /** Ids of messages that the network itself may have damaged on their way in; their clients never heard of a 250. */
  readonly garbled = new Set<string>()
  /** What arrived otherwise than it was written, though nobody garbled it. */
  readonly altered: string[] = []
  /** What arrived as the network had garbled it. */
  garbledArrived = 0
  viruses = 0
  virusesAcknowledged = 0
  notices = 0
  /** Refusals for good, other than of viruses, by their text. */
  readonly refusals = new Map<string, number>()
  /** Everything else that clients heard or met. */
  readonly troubles = new Map<string, number>()
  /** Ids of all messages that clients began with. */
  readonly begun = new Set<string>()

  acknowledge({ id, infected }: ProofMail): void {
    if (infected) this.virusesAcknowledged++
    this.acknowledged.add(id)
  }

  refuse(text: string): void {
    // Replies of ours are printable ASCII: in anything else is garbage of the proxy's
    const permanent = /^5[\x20-\x7e\r\n]*$/.test(text) && !/^554 5\.7\.1 The message holds a virus/.test(text)
    const where = permanent ? this.refusals : this.troubles
    const kind = text.slice(0, 80)
    where.set(kind, (where.get(kind) ?? 0) + 1)
  }

  arrive({ mailFrom, content }: Pick<Received, 'mailFrom' | 'content'>): void {
    if (mailFrom === '') {
      this.notices++
      return
    }
    const id = idIn(content)
    if (holdsVirus(content)) this.viruses++
    if (id === null || !isWhole(content)) this.#takeDamaged(id ?? '(none)')
    else this.arrived.set(id, (this.arrived.get(id) ?? 0) + 1)
  }

  /** An id that nobody sent is one that was garbled itself. */
  #takeDamaged(id: string): void {
    const known = this.begun.has(id)
    if ((known && !this.garbled.has(id)) || this.acknowledged.has(id)) this.altered.push(id)
    else this.garbledArrived++
  }

  get lost(): readonly string[] {
    return [...this.acknowledged].filter((id) => !this.arrived.has(id))
  }

  /** Arrived, though no scanner ever saw them. */
  get unscanned(): readonly string[] {
    return [...this.arrived.keys()].filter((id) => !this.handedToScanner.has(id))
  }

  get twice(): number {
    return [...this.arrived.values()].filter((times) => times > 1).length
  }
}
