import { relative } from 'node:path'
import type { EventData } from 'node:test'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

/**
 * A reporter for `node --test`: a line for each file, each failure in full with what its file
 * printed, each skip with its reason, and at the end the line that counts. Suites and tests that
 * only failed through their parts are not counted, their parts are.
 */
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const tally = new Tally()
  for await (const event of events) {
    const text = tally.take(event)
    if (text !== null) yield text
  }
  yield tally.closing()
}

type Outcome = 'passed' | 'failed' | 'skipped'

class Tally {
  readonly #counts: Record<Outcome, number> = { passed: 0, failed: 0, skipped: 0 }
  readonly #skips: string[] = []
  readonly #failures: string[] = []
  /** What test files printed. */
  readonly #printed = new Map<string, string>()

  /** Text to show at once, or null. */
  take(event: TestEvent): string | null {
    if (event.type === 'test:pass') return this.#pass(event.data)
    if (event.type === 'test:fail') return this.#fail(event.data)
    if (event.type === 'test:stdout' || event.type === 'test:stderr') this.#print(event.data)
    return event.type === 'test:summary' ? summary(event.data) : null
  }

  closing(): string {
    const { passed, failed, skipped } = this.#counts
    const parts = [...this.#skips, ...this.#failures.map((name) => `failed: ${name}`)]
    const list = parts.map((line) => `${line}\n`).join('')
    return `\n${list}${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`
  }

  #pass(data: EventData.TestPass): null {
    if (data.details.type === 'suite') return null
    const skipped = data.skip !== undefined && data.skip !== false
    this.#counts[skipped ? 'skipped' : 'passed']++
    if (skipped) this.#skips.push(`skipped: ${data.name}: ${data.skip === true ? 'no reason given' : data.skip}`)
    return null
  }

  #fail(data: EventData.TestFail): string | null {
    const { error, type } = data.details
    if (type === 'suite' || failureType(error) === 'subtestsFailed') return null
    this.#counts.failed++
    const name = `${data.name} (${place(data)})`
    this.#failures.push(name)
    const printed = this.#printed.get(data.file ?? '') ?? ''
    this.#printed.delete(data.file ?? '')
    return `FAIL ${name}\n${indented(inspect(error.cause ?? error))}\n${indented(printed.slice(-4000))}\n`
  }

  #print({ file, message }: { file: string; message: string }): void {
    this.#printed.set(file, (this.#printed.get(file) ?? '') + message)
  }
}

function summary({ file, counts, duration_ms, success }: EventData.TestSummary): string | null {
  if (file === undefined) return null
  const seconds = (duration_ms / 1000).toFixed(1).padStart(6)
  return `${success ? 'ok  ' : 'FAIL'} ${seconds} s ${String(counts.tests).padStart(4)}  ${relative('.', file)}\n`
}

const failureType = (error: Error): unknown => ('failureType' in error ? error.failureType : null)

const place = ({ file, line }: EventData.TestFail): string =>
  file === undefined ? '?' : `${relative('.', file)}:${line ?? 0}`

const indented = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => `     ${line}`)
    .join('\n')
