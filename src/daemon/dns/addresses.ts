import { isIPv4 } from 'node:net'
import type { Config } from '../../config/index.ts'
import { isPublic } from '../../net/public-address.ts'

/** Addresses of one family; null: not known here. */
export type Known = readonly string[] | null

/** Where this service is reached and where it sends from, as others see it. */
export interface PublicAddresses {
  readonly reached: { readonly v4: Known; readonly v6: Known }
  readonly sending: { readonly v4: Known; readonly v6: Known }
}

type Family = 4 | 6

/**
 * What the configuration says of our public addresses. A listener on every address, and one behind a translation of
 * addresses, does not say: nothing is guessed.
 */
export function publicAddresses(config: Config): PublicAddresses {
  const told = config.publish.addresses
  const by = (read: (family: Family) => Known) => ({ v4: read(4), v6: read(6) })
  if (told.length === 0)
    return { reached: by((family) => reached(config, family)), sending: by((f) => sending(config, f)) }
  return { reached: by((family) => told.filter(isOf(family))), sending: by((family) => told.filter(isOf(family))) }
}

function reached({ listeners }: Config, family: Family): Known {
  const all = listeners.map(({ address }) => address)
  if (all.some((address) => address === null || address === '::' || address === '0.0.0.0')) return null
  const own = all.filter((address) => address !== null).filter(isOf(family))
  const found = [...new Set(own.filter(isPublic))]
  return own.length > 0 && found.length === 0 ? null : found
}

function sending(config: Config, family: Family): Known {
  const { families, localAddressV4, localAddressV6 } = config.delivery
  if (!families.includes(family === 4 ? 'ipv4' : 'ipv6')) return []
  const local = family === 4 ? localAddressV4 : localAddressV6
  if (local === null) return null
  return isPublic(local) ? [local] : null
}

const isOf =
  (family: Family) =>
  (address: string): boolean =>
    isIPv4(address) === (family === 4)
