import { join } from 'node:path'
import type { AcceptOptions } from '../accept/options.ts'
import type { Planner } from '../accept/ports.ts'
import type { Config } from '../config/index.ts'
import type { RouteTable } from '../deliver/route.ts'
import { addressKey } from '../mail/address.ts'
import type { Reports } from '../reports/contract.ts'
import { REPORT_LIMITS, type ReportsOptions } from '../reports/options.ts'

/** What the room of reports goes by, from the configuration. */
export function reportsOptions(config: Config): ReportsOptions {
  const { organisation, from, contact, tls, dmarc, spread, keep } = config.reports
  const { privateAddresses, postTimeout, ...tlsReports } = tls
  return {
    path: join(config.state.dir, 'reports.db'),
    hostname: config.hostname,
    organisation,
    contact,
    from,
    tls: tlsReports,
    dmarc,
    keepMs: keep,
    spreadMs: spread,
    privateAddresses,
    authservId: authservIdOf(config),
    limits: { ...REPORT_LIMITS, postTimeoutMs: postTimeout },
  }
}

/** The name in results that can be believed: only where `authentication` removes forged ones from all mail. */
function authservIdOf({ inspect, hostname }: Config): string | null {
  const plugin = inspect.find(({ name, module }) => name === 'authentication' && module === null)
  if (plugin === undefined || plugin.mode === 'observe' || plugin.when !== null) return null
  const { authservId } = plugin.options
  return typeof authservId === 'string' ? authservId : hostname
}

/** Addresses that this server reads itself. */
export const reportAddresses = ({ reports: { tls, dmarc } }: Config): NonNullable<AcceptOptions['ownAddresses']> =>
  new Set([tls.receive, dmarc.receive].filter((address) => address !== null).map(addressKey))

/** What mail to them waits for in the spool: a name that no domain can have (RFC 2606), so that nothing else leads there. */
const DESTINATION = 'reports.postern.invalid'

/** The way to the room of reports, for the table of routes. */
export const reportsRoute: readonly [string, RouteTable['default']] = [DESTINATION, { via: 'store' }]

/** Plans mail to the addresses for reports to go to the room of reports, and all other mail as ever. */
export function withReports(planner: Planner, reports: Pick<Reports, 'receives'>): Planner {
  return {
    take: (leases) => planner.take(leases),
    plan(recipient, envelope) {
      const plan = planner.plan(recipient, envelope)
      const isReport = plan.do !== 'discard' && reports.receives(recipient.address)
      return isReport ? { ...plan, destination: DESTINATION } : plan
    },
  }
}
