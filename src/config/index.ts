/** What other rooms may use of the configuration. */

export { checkEnvironment } from './check/environment.ts'
export { type Finding, formatFinding } from './check/finding.ts'
export type { Client, Config, Listener } from './config.ts'
export { formatHostPort, type HostPort, type NextHop } from './endpoint.ts'
export { type Loaded, type LoadOptions, loadConfig } from './load.ts'
export { mostSpecific, type Network, networkContains, parseAddressBits, parseNetwork } from './network.ts'
export { formatProblem, type Problem } from './problem.ts'
export { type RecipientList, recipientListed } from './recipients.ts'
export type { Reserve } from './schema/delivery.ts'
export { reserveBytes } from './schema/delivery.ts'
export type { LocalDomain, RecipientSource } from './schema/domains.ts'
export type { PluginEntry } from './schema/inspect.ts'
export type { Login, Route, RouteTls } from './schema/route.ts'
export { Secret } from './secret.ts'
export { type Expiry, expiriesOf, expiryInWords } from './secure-domains/expiry.ts'
export type { SecureDomains } from './secure-domains/file.ts'
export {
  changedSince,
  keptFile,
  keptOf,
  lostSince,
  missingFrom,
  readKept,
  writeKept,
} from './secure-domains/in-force.ts'
export { weakenings } from './secure-domains/weaker.ts'
export { parseSenderPattern, type SenderPattern, senderAllowed } from './sender.ts'
export type { Duration, Rate, Share, Size } from './values.ts'
