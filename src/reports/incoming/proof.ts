import { fieldsNamed, type Header } from '../../mail/header.ts'
import { clean } from './text.ts'

/** What our own check said of who sent a report. */
export interface SenderProof {
  /** Null: nobody looked. */
  readonly proven: boolean | null
  /** Such as `dkim=pass dmarc=pass`. */
  readonly text: string
}

// The first of its properties that names the signer: its domain, or the identity, whose domain is that or below
const SIGNER = /;\s*dkim=pass\b[^;]*?\sheader\.[di]="?(?:[^\s;"@]*@)?([^\s;"@]+)/g

const UNKNOWN: SenderProof = { proven: null, text: 'not checked' }

/**
 * Reads the field Authentication-Results (RFC 8601) that this relay's `authentication` put on top. RFC 8460
 * section 5.3 wants a valid DKIM signature of the sender; one that aligns is what DMARC calls a pass. `sender` is
 * the domain in From.
 */
export function proofIn(header: Header, authservId: string | null, sender: string): SenderProof {
  if (authservId === null) return UNKNOWN
  const ours = fieldsNamed(header, 'Authentication-Results').find(({ value }) => {
    return value.slice(0, 300).toLowerCase().startsWith(`${authservId.toLowerCase()};`)
  })
  if (ours === undefined) return UNKNOWN
  const value = ours.value.slice(0, 8192).replace(/\([^()]*\)/g, ' ')
  const found = [...value.matchAll(/;\s*(dkim|dmarc)=([a-z]+)/g)].slice(0, 20)
  const text = clean(found.map(([, method, result]) => `${method}=${result}`).join(' ')) || 'nothing found'
  const dmarc = found.find(([, method]) => method === 'dmarc')?.[2]
  if (dmarc === 'pass') return { proven: true, text }
  // without a policy of its own a domain has only its signature; anybody can sign in another's name
  const signers = [...value.matchAll(SIGNER)].slice(0, 20)
  const isSigned = signers.some(([, domain = '']) => isSameHouse(domain.toLowerCase(), sender.toLowerCase()))
  return { proven: dmarc !== 'fail' && isSigned, text }
}

/** One of the two is above the other, and no bare top-level domain. */
const isSameHouse = (signer: string, sender: string): boolean =>
  signer === sender ||
  (sender.includes('.') && signer.endsWith(`.${sender}`)) ||
  (signer.includes('.') && sender.endsWith(`.${signer}`))
