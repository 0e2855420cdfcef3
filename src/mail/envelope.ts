import type { Address } from './address.ts'

/** RFC 3461 section 4.1. An empty list with `never` is NOTIFY=NEVER; null (on Recipient) means that the sender did not say. */
export type NotifyCondition = 'never' | 'success' | 'failure' | 'delay'

/** One forward-path with what RFC 3461 lets the sender ask for it. */
export interface Recipient {
  readonly address: Address
  readonly notify: readonly NotifyCondition[] | null
  /** ORCPT as it came: `addr-type;xtext`, still encoded, so that it travels unchanged. */
  readonly orcpt: string | null
}

/** `MAIL FROM:<>` is null. */
export type ReversePath = Address | null

/** RFC 5321's envelope with the parameters of 8BITMIME, DSN, SMTPUTF8 and REQUIRETLS. */
export interface Envelope {
  readonly mailFrom: ReversePath
  readonly rcptTo: readonly Recipient[]
  /** RFC 3461 ENVID, still xtext. */
  readonly envid: string | null
  readonly ret: 'full' | 'hdrs' | null
  /** RFC 6531: the sender declared SMTPUTF8. */
  readonly smtputf8: boolean
  /** RFC 6152 BODY. */
  readonly body: '7bit' | '8bitmime'
  /** RFC 8689. */
  readonly requireTls: boolean
  /** Leaves only over a path that the register of secure domains calls proven, and is never quoted in a notice. */
  readonly sensitive?: true
}
