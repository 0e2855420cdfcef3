import { Command } from 'commander'
import type { ApiCertificate } from '../../api.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'
import { counted } from '../../text/size.ts'

export function expireCommand(): Command {
  const command = new Command('expire')
    .argument('<address|fingerprint>', 'whose, or which')
    .description('withdraw certificates: they are no longer used, and stay in the record with your name')
  return withDaemonOptions(command).action(expire)
}

async function expire(of: string, options: DaemonOptions): Promise<void> {
  const { api, terminal, json, by } = openSession(options)
  const body = { of, by }
  const answer = await api.post<{ certificates: readonly ApiCertificate[] }>('/v1/certificates/expire', body)
  if (json) return terminal.json(answer)
  for (const { address, fingerprint } of answer.certificates) terminal.print(`${address}: ${fingerprint}`)
  terminal.print(`${counted(answer.certificates.length, 'certificate')} withdrawn.`)
}
