import { isIPv4 } from 'node:net'
import type { NetworkInterfaceInfo } from 'node:os'

interface Bound {
  readonly address: string
  readonly port: number
}

/** Where this machine is reached: a listener on every address is one on each of those that the interfaces have. */
export function ownAddresses(
  bound: readonly Bound[],
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): Bound[] {
  const all = Object.values(interfaces).flatMap((found) => (found ?? []).map(({ address }) => address))
  return bound.flatMap(({ address, port }) => {
    if (address !== '::' && address !== '0.0.0.0') return [{ address, port }]
    const reached = address === '::' ? all : all.filter((each) => isIPv4(each))
    return reached.map((each) => ({ address: each, port }))
  })
}
