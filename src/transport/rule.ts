import type { PathDecision, PathSource } from './contract.ts'
import { type KeyedDemand, refuse } from './demand.ts'
import type { Inquiry } from './inquiry.ts'
import { MAX_HOSTS } from './options.ts'

/** What one rule says. `demands`: it decides, with one demand for each host. */
export interface Saying {
  readonly says: string
  readonly demands: readonly KeyedDemand[] | null
  /** In place of demands: nothing may be sent. */
  readonly stopped?: NonNullable<PathDecision['stopped']>
}

export interface Rule {
  readonly name: PathSource
  say(inquiry: Inquiry): Promise<Saying>
}

export const silent = (says: string): Saying => ({ says, demands: null })

type Asked = Inquiry['question']['hosts'][number]

/** A demand for each host, in order. Hosts beyond a constant number are refused. */
export async function eachHost(
  inquiry: Inquiry,
  make: (asked: Asked) => KeyedDemand | Promise<KeyedDemand>,
): Promise<KeyedDemand[]> {
  return Promise.all(
    inquiry.question.hosts.map((asked, i) =>
      i < MAX_HOSTS ? make(asked) : refuse(asked.host, `only ${MAX_HOSTS} hosts of a domain are looked at`),
    ),
  )
}
