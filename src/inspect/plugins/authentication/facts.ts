import type { PluginResult } from '../../outcome.ts'
import type { DmarcFact } from './dmarc.ts'
import type { SpfFact } from './spf.ts'

/** What the trace and later plugins are told about who sent a message. Parts that were not looked at are left out. */
export interface AuthenticationFacts {
  /** The authserv-id of our Authentication-Results field. */
  readonly by: string
  readonly spf?: SpfFact
  readonly dkim: readonly { readonly result: string; readonly domain: string; readonly selector: string }[]
  /** Signatures that were not examined. */
  readonly dkimIgnored?: number
  /** Left out where there is no chain. */
  readonly arc?: { readonly result: string; readonly instance: number; readonly sealers: readonly string[] }
  readonly dmarc?: DmarcFact
  /** Why a DMARC failure does not count: `arc`, `domain` or `client`. */
  readonly override?: string
  /** The verified reverse name. */
  readonly iprev?: string
}

/** What the plugin `authentication` found; null where it has not looked at the message. */
export function authenticationFacts(results: readonly PluginResult[]): AuthenticationFacts | null {
  const found = results.find(({ plugin, hook }) => plugin === 'authentication' && hook === 'data')?.facts
  // made by factsOf, and copied as plain data since
  return found === undefined ? null : (found as unknown as AuthenticationFacts)
}
