import type { Address } from '../mail/address.ts'

/** A local part without its quotes: `"john.doe"` names the same mailbox as `john.doe` (RFC 5321 section 4.1.2). */
export function unquoted(local: string): string {
  return local.startsWith('"') ? local.slice(1, -1).replace(/\\(.)/gs, '$1') : local
}

/** For comparison in policy: quotes and case make no difference. */
export const recipientKey = ({ local, domain }: Address): string => `${unquoted(local).toLowerCase()}@${domain}`

/** The same of an address as text, as `addressKey` gives it. */
export function keyOfText(text: string): string {
  const at = text.lastIndexOf('@')
  return `${unquoted(text.slice(0, at)).toLowerCase()}@${text.slice(at + 1)}`
}

// user%domain, host!user, @host:user and user@domain in quotes: what older mailers read as a route (RFC 5321 appendix C, F.2)
const ROUTE = /[%!@:]/

/** Whether the local part could make the next server send the message on to somewhere else. */
export const holdsRoute = ({ local }: Address): boolean => ROUTE.test(unquoted(local))

export const isPostmaster = ({ local }: Address): boolean => unquoted(local).toLowerCase() === 'postmaster'
