import { addressKey, parseAddress } from '../mail/address.ts'
import type { Context } from './context.ts'

/** Whole addresses as `addressKey` gives them, and local parts in lower case. */
export type RecipientList = ReadonlySet<string>

const FILE_LIMIT = 64 * 1024 * 1024

/** Whether an address (as `addressKey` gives it) is on a list, in whole or by its local part. */
export function recipientListed(recipients: RecipientList, key: string): boolean {
  return recipients.has(key) || recipients.has(key.slice(0, key.lastIndexOf('@')))
}

/** One entry of a list, normalised; undefined if it is neither an address nor a local part. */
export function readRecipientLine(text: string): string | undefined {
  const trimmed = text.trim()
  const whole = parseAddress(trimmed, { utf8: true })
  if (whole !== null) return addressKey(whole)
  const local = trimmed.includes('@') ? null : parseAddress(`${trimmed}@local.invalid`, { utf8: true })
  return local === null ? undefined : local.local.toLowerCase()
}

/** Reads a file of recipients. `problem` names the first line that cannot be understood, or why it cannot be read. */
export function readRecipientFile(context: Context, file: string): { found: string[]; problem: string | null } {
  let text: string
  try {
    text = context.readText(file, FILE_LIMIT)
  } catch (error) {
    return { found: [], problem: `${file} cannot be read: ${(error as Error).message}` }
  }
  const found: string[] = []
  for (const [index, line] of text.split('\n').entries()) {
    const entry = line.replace(/(^|\s)#.*$/, '').trim()
    if (entry === '') continue
    const recipient = readRecipientLine(entry)
    if (recipient === undefined)
      return { found, problem: `${file}:${index + 1}: expected an address, found '${entry}'` }
    found.push(recipient)
  }
  return { found, problem: null }
}
