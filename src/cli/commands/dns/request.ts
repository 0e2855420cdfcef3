import type { DnsRequest, DnsWrong } from '../../../daemon/dns/ask.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { configPath } from '../../socket.ts'

export interface DnsOptions {
  readonly config?: string
  readonly state?: string
  readonly json?: boolean
}

export const requestOf = (domains: readonly string[], options: DnsOptions): DnsRequest => ({
  configFile: configPath(options),
  stateDir: options.state ?? null,
  domains,
})

/** The answer, or the end of the command with what is wrong. */
export function orFail<T extends object>(answer: T | DnsWrong): T {
  if (!('wrong' in answer)) return answer
  const { wrong, because } = answer
  throw new CommandFailure(because === 'config' ? EXIT.config : EXIT.notFound, wrong.join('\n'))
}
