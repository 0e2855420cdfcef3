import type { Certificates } from '../certificates/contract.ts'
import { openCertificates } from '../certificates/store.ts'
import type { Clock } from '../clock.ts'
import type { Config } from '../config/index.ts'
import type { Log } from '../log.ts'

export const certificateOptions = ({ certificates: { authorities, trust } }: Config) => ({ authorities, trust })

/** The store that the configuration names. Rejects, in words for the operator, if it or the authorities cannot be read. */
export const certificatesOf = (config: Config, seams: { readonly log: Log; readonly clock: Clock }) =>
  openCertificates(config.certificates.file, certificateOptions(config), seams)

/** What operators should see to. */
export function certificateAlarms(store: Certificates): string[] {
  const { expiring, damage } = store.summary()
  if (damage !== null) return [`certificates: ${damage}`]
  if (expiring === 0) return []
  return [`certificates: ${expiring} of recipients expire within 30 days (postern certificate list --expiring 30d)`]
}
