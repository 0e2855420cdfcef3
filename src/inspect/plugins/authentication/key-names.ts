import type { MessageView } from '../../plugin.ts'

const SIGNATURE = 'dkim-signature'
const LABELS = '[A-Za-z0-9](?:[A-Za-z0-9._-]{0,250}[A-Za-z0-9])?'
const DOMAIN = new RegExp(`(?:^|;)\\s*d\\s*=\\s*(${LABELS})\\s*(?:;|$)`)
const SELECTOR = new RegExp(`(?:^|;)\\s*s\\s*=\\s*(${LABELS})\\s*(?:;|$)`)
const MOST_CHARACTERS = 16_384

/**
 * The names of the keys that the message's DKIM signatures will most likely need, so that they are
 * asked for before a worker has to. What this misses the worker asks for itself.
 */
export function keyNames(header: MessageView['header'], most: number): string[] {
  const names = new Set<string>()
  let looked = 0
  for (const field of header) {
    if (field.name.length !== SIGNATURE.length || field.name.toLowerCase() !== SIGNATURE) continue
    if (looked++ === most) break
    const value = field.value.slice(0, MOST_CHARACTERS)
    const [, domain] = DOMAIN.exec(value) ?? []
    const [, selector] = SELECTOR.exec(value) ?? []
    if (domain !== undefined && selector !== undefined) names.add(`${selector}._domainkey.${domain}`)
  }
  return [...names]
}
