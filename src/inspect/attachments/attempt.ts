import { failureOf } from './failure.ts'
import type { Visit } from './reader.ts'

/** Runs `read` for one member; a fault of the member is noted there, and the others are still read. */
export function attempt(visit: Visit, member: string, read: () => void): void {
  try {
    read()
  } catch (error) {
    const failure = failureOf(error)
    if (failure === null) throw error
    visit.note('suspicious', failure, member)
  }
}
