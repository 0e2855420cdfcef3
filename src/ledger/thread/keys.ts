/** The facts of a `received` entry that a message can be found by. */
export interface Received {
  readonly client: string | null
  readonly sender: string | null
  readonly messageId: string | null
  readonly size: number | null
  readonly recipients: readonly string[]
}

/** What can be asked for, the most telling first. */
export const KINDS = ['messageId', 'recipient', 'sender', 'domain', 'client'] as const
export type Kind = (typeof KINDS)[number]

/** Reads the data of a `received` entry; whatever is missing or odd is null or left out. */
export function parseReceived(data: string): Received {
  const { recipients, facts } = parseObject(data)
  const { client, sender, messageId, size } = isObject(facts) ? facts : {}
  const list = Array.isArray(recipients) ? recipients : []
  return {
    client: textOf(client),
    sender: textOf(sender),
    messageId: textOf(messageId),
    size: typeof size === 'number' ? size : null,
    recipients: list.flatMap((each: unknown) =>
      isObject(each) && typeof each.address === 'string' ? [each.address] : [],
    ),
  }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : {}
  } catch {
    return {}
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null
const textOf = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/** Every value of a kind that the message can be found by, normalised. */
export function valuesOf(received: Received, kind: Kind): string[] {
  const { client, sender, messageId, recipients } = received
  if (kind === 'recipient') return recipients.map(normal)
  if (kind === 'domain') return [...new Set([sender, ...recipients].flatMap(domainOf))]
  const value = { client, sender, messageId }[kind]
  return value === null ? [] : [kind === 'sender' ? normal(value) : value]
}

/** A question's value, made comparable with `valuesOf`. */
export const wanted = (kind: Kind, value: string): string =>
  kind === 'messageId' || kind === 'client' ? value : normal(value)

const normal = (text: string): string => text.toLowerCase()

function domainOf(address: string | null): string[] {
  const at = address?.lastIndexOf('@') ?? -1
  return address === null || at < 0 ? [] : [normal(address.slice(at + 1))]
}

export const keyOf = (kind: Kind, value: string): number => hash(`${kind}:${value}`)

/** All search keys of a message. */
export const keysOf = (received: Received): number[] =>
  KINDS.flatMap((kind) => valuesOf(received, kind).map((value) => keyOf(kind, value)))

/**
 * 48 bits: two of FNV-1a with different starts. Only to find candidates, which are then compared,
 * so that it need not resist anybody.
 */
function hash(text: string): number {
  let a = 0x811c9dc5
  let b = 0x050c5d1f
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    a = Math.imul(a ^ code, 0x01000193)
    b = Math.imul(b ^ code, 0x85ebca6b)
  }
  return (a >>> 0) + ((b ^ (b >>> 15)) & 0xffff) * 2 ** 32
}
