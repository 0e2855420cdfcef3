import type { Clock } from '../../../clock.ts'
import type { DnsAnswer, Resolver } from '../../../net/dns.ts'

/** A resolver for one message, and what ends its time early. */
export interface LimitedResolver {
  readonly resolver: Resolver
  /** To be called once the message is done. */
  release(): void
}

/** At most so many questions, and none that takes longer than is left: what goes beyond has failed, as if the DNS had not answered. */
export function limitResolver(resolver: Resolver, most: number, ms: number, clock: Clock): LimitedResolver {
  let asked = 0
  const timeUp = Promise.withResolvers<DnsAnswer<never>>()
  const release = clock.after(ms, () => timeUp.resolve(failed(`no answers within ${ms} ms`)))
  const limited = <T>(ask: () => Promise<DnsAnswer<T>>): Promise<DnsAnswer<T>> => {
    if (++asked > most) return Promise.resolve(failed(`more than ${most} questions for one message`))
    return Promise.race([ask(), timeUp.promise])
  }
  return {
    release,
    resolver: {
      resolveMx: (domain) => limited(() => resolver.resolveMx(domain)),
      resolveAddresses: (host) => limited(() => resolver.resolveAddresses(host)),
      reverse: (address) => limited(() => resolver.reverse(address)),
      resolveTxt: (name) => limited(() => resolver.resolveTxt(name)),
    },
  }
}

const failed = (cause: string): DnsAnswer<never> => ({ is: 'failed', cause })
