import { type Clock, systemClock } from '../../clock.ts'
import type { Config } from '../config.ts'
import { checkCertificates } from './certificates.ts'
import type { Finding } from './finding.ts'
import { checkAddresses, checkHostname, checkPlugins, checkState } from './machine.ts'
import { checkPublish } from './publish.ts'
import { checkSecureDomains } from './secure-domains.ts'
import { checkSigningKeys } from './signing-keys.ts'

/**
 * What a configuration that is right in itself would meet on this machine: certificates, files,
 * folders, disk, ports. Changes nothing; binds each port for a moment. Errors first. Never rejects.
 */
export async function checkEnvironment(config: Config, clock: Clock = systemClock): Promise<readonly Finding[]> {
  const parts = await Promise.all([
    checkHostname(config),
    checkSecureDomains(config, clock.now()),
    guarded('tls', checkCertificates(config, clock.now())),
    guarded('publish', checkPublish(config, clock.now())),
    guarded('inspect', checkPlugins(config)),
    guarded('inspect', checkSigningKeys(config)),
    guarded('state', checkState(config)),
    guarded('listeners', checkAddresses(config)),
  ])
  const found = parts.flat()
  return [...found.filter(({ level }) => level === 'error'), ...found.filter(({ level }) => level === 'warning')]
}

async function guarded(key: string, part: Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await part
  } catch (error) {
    const what = `could not be checked: ${(error as Error).message}`
    return [{ level: 'error', key, where: 'this machine', what, remedy: 'Look into it before you rely on this check.' }]
  }
}
