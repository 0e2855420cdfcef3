import { BlockList, isIPv4 } from 'node:net'
import type { Config } from '../../config/index.ts'

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

// RFC 1918, 6598, 3927, 4193, 4291, and loopback
const PRIVATE = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv4')
for (const [network, prefix] of [
  ['::', 127],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE.addSubnet(network, prefix, 'ipv6')

const isPublic = (address: string): boolean => !PRIVATE.check(address, isIPv4(address) ? 'ipv4' : 'ipv6')
