import { join } from 'node:path'
import type { AddRequest, CertificateOptions, Certificates } from '../../../src/certificates/contract.ts'
import { openCertificates } from '../../../src/certificates/store.ts'
import type { Clock } from '../../../src/clock.ts'
import { systemClock } from '../../../src/clock.ts'
import { silentLog } from '../../../src/log.ts'
import { type Address, parseAddress } from '../../../src/mail/address.ts'
import { defer, type Scope } from '../../support/scope.ts'

export const DAY_MS = 86_400_000

export async function opened(
  scope: Scope,
  folder: string,
  options: Partial<CertificateOptions> = {},
  clock: Clock = systemClock,
): Promise<Certificates> {
  const all = { authorities: null, trust: 'pinned', ...options } as const
  const store = await openCertificates(join(folder, 'certificates.jsonl'), all, { log: silentLog, clock })
  defer(scope, () => store.close().catch(() => {}))
  return store
}

export function address(text: string): Address {
  const found = parseAddress(text)
  if (found === null) throw new Error(`${text} is no address`)
  return found
}

export const adding = (certificates: readonly string[], more: Partial<AddRequest> = {}): AddRequest => ({
  certificates,
  address: null,
  by: 'alice',
  check: false,
  ...more,
})
