import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import { type Chain, EMPTY_CHAIN } from '../inspect/chain.ts'
import { loadChain } from '../inspect/load.ts'
import type { Log } from '../log.ts'
import type { Metrics } from '../metrics.ts'

/** The chain that is in force: sessions keep asking this one object, and a reload exchanges what is behind it. */
export class CurrentChain implements Chain {
  #chain: Chain = EMPTY_CHAIN

  get asks(): Chain['asks'] {
    return this.#chain.asks
  }

  connect: Chain['connect'] = (session) => this.#chain.connect(session)
  mail: Chain['mail'] = (session, from) => this.#chain.mail(session, from)
  rcpt: Chain['rcpt'] = (transaction, to) => this.#chain.rcpt(transaction, to)
  data: Chain['data'] = (message, gone) => this.#chain.data(message, gone)

  close: Chain['close'] = () => this.#chain.close()

  /** Messages that the old chain is still asked about end by its word, or are deferred. */
  exchange(next: Chain): void {
    const before = this.#chain
    this.#chain = next
    void before.close()
  }
}

/** Makes the chain that the configuration asks for. Rejects, in words for the operator, if a plugin cannot be made. */
export function chainOf(
  { inspect, limits }: Config,
  seams: { readonly log: Log; readonly metrics: Metrics; readonly clock: Clock },
): Promise<Chain> {
  const entries = inspect.map(({ deadline, ...entry }) => ({ ...entry, deadlineMs: deadline }))
  return loadChain(entries, { bytes: limits.headerSize, fields: limits.headerFields, content: limits.size }, seams)
}
