import type { Recipient } from '../../../mail/envelope.ts'
import type { Services } from '../../services.ts'
import type { Mark } from './marks.ts'

/**
 * What is done about one recipient. `ordinary`: the message is not sensitive. `proven`: it goes over a proven
 * path, or stays on this machine. `encrypt`: it is encrypted for the recipient. `crowd`: it would be, but there
 * are too many of them. `unserved`: nothing that is secure leads there.
 */
export type Does = 'ordinary' | 'proven' | 'encrypt' | 'crowd' | 'unserved'

export interface Handling {
  readonly does: Does
  /** Null with `ordinary`. */
  readonly mark: Mark | null
  /** Fingerprint of the recipient's certificate, with `encrypt`. */
  readonly certificate: string | null
}

export const ORDINARY: Handling = { does: 'ordinary', mark: null, certificate: null }

/** What the service can do for a recipient of a sensitive message now. */
export function handlingOf({ address }: Recipient, mark: Mark, services: Services): Handling {
  const { secureDomains, provenRoute, certificates } = services
  const { domain } = address
  if (secureDomains?.(domain) || provenRoute?.(domain)) return { does: 'proven', mark, certificate: null }
  const [newest] = certificates?.find(address) ?? []
  return newest === undefined
    ? { does: 'unserved', mark, certificate: null }
    : { does: 'encrypt', mark, certificate: newest.fingerprint }
}

/** Recipients that a message is encrypted for have a key each, so that nobody's message names another's certificate. */
export const keyOf = ({ does, mark, certificate }: Handling, index: number): string =>
  does === 'encrypt' ? `${does} ${mark} ${certificate} ${index}` : does === 'ordinary' ? does : `${does} ${mark}`

const DOES: readonly Does[] = ['ordinary', 'proven', 'encrypt', 'crowd', 'unserved']
const MARKS: readonly Mark[] = ['client', 'subject', 'header']

/** The reverse of `keyOf`. Throws Error for a key that is none. */
export function readKey(key: string): Handling {
  const [word, marked, certificate = null] = key.split(' ')
  const does = DOES.find((each) => each === word)
  const mark = MARKS.find((each) => each === marked) ?? null
  if (does === undefined || (does === 'encrypt' && certificate === null)) throw new Error(`${key} is no handling`)
  return { does, mark, certificate: does === 'encrypt' ? certificate : null }
}
