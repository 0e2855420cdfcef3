import type { Session } from './session.ts'

/** How much a command should show. */
export interface PagingOptions {
  readonly limit: number
  readonly all?: boolean
  /** The cursor that an earlier call ended with. */
  readonly after?: string
}

export interface Page<Message> {
  readonly messages: readonly Message[]
  readonly next: string | null
}

/** Where messages go as they come. */
export interface Output<Message> {
  show(messages: readonly Message[]): void
  /** `next`: where the list would go on; null if that was all. */
  end(next: string | null): void
}

/**
 * Asks for page after page of at most `largestPage` messages, until there are no more or the
 * limit is reached, and shows each as it comes, so that memory stays bounded. Resolves with how many there were.
 */
export async function showPages<Message>(
  ask: (page: { readonly cursor: string | undefined; readonly limit: number }) => Promise<Page<Message>>,
  { limit, all, after }: PagingOptions,
  largestPage: number,
  output: Output<Message>,
): Promise<number> {
  const wanted = all === true ? Number.POSITIVE_INFINITY : limit
  let shown = 0
  let cursor = after
  do {
    const page = await ask({ cursor, limit: Math.min(wanted - shown, largestPage) })
    output.show(page.messages)
    shown += page.messages.length
    cursor = page.next ?? undefined
  } while (cursor !== undefined && shown < wanted)
  output.end(cursor ?? null)
  return shown
}

/** One JSON document for programs: `{"messages": […], "next": …}`. */
export function jsonOutput<Message>({ terminal }: Session): Output<Message> {
  const document = terminal.jsonList('messages')
  return { show: (messages) => document.add(messages), end: (next) => document.end({ next }) }
}
