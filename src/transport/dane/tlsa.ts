import { createPublicKey, X509Certificate } from 'node:crypto'
import type { TlsaRecord } from '../../net/dns.ts'

/** Records of one answer that are looked at; a host with more is one that has none of those beyond. */
export const MAX_TLSA = 32

// RFC 6698 sections 2.1.1 to 2.1.3
const USAGES = { trustAnchor: 2, endEntity: 3 } as const
const FULL = 0
const SHA256 = 1
const SHA512 = 2

export const isEndEntity = ({ usage }: TlsaRecord): boolean => usage === USAGES.endEntity

/**
 * Whether a record can be used for mail. RFC 7672 section 3.1.3: usages 0 and 1 cannot. RFC 7671 section 4.1:
 * neither can what is not known or malformed.
 */
export function isUsable({ usage, selector, matching, data }: TlsaRecord): boolean {
  if (usage !== USAGES.trustAnchor && usage !== USAGES.endEntity) return false
  if (selector !== 0 && selector !== 1) return false
  if (matching === SHA256) return data.length === 32
  if (matching === SHA512) return data.length === 64
  return matching === FULL && data.length > 0 && data.length <= 16_384 && isReadable(data, selector)
}

function isReadable(data: Buffer, selector: 0 | 1): boolean {
  try {
    if (selector === 0) new X509Certificate(data)
    else createPublicKey({ key: data, format: 'der', type: 'spki' })
    return true
  } catch {
    return false
  }
}

/** As it is written in a zone file: `3 1 1 9a…`. */
export const presentation = ({ usage, selector, matching, data }: TlsaRecord): string =>
  `${usage} ${selector} ${matching} ${data.toString('hex')}`
