import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import type { TestContext } from 'node:test'

// Debian puts servers where only root's PATH may look
const PLACES = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', '/usr/lib/postfix/sbin']

/** The full path of a program, or null. */
export function program(name: string): string | null {
  return PLACES.map((place) => join(place, name)).find(executable) ?? null
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/**
 * Whether all the programs that a test needs are here. If not, the test is skipped with the
 * reason (the caller returns), except where CI is set: there what is missing is a failure.
 */
export function need(test: TestContext, ...names: string[]): boolean {
  const missing = names.filter((name) => program(name) === null)
  if (missing.length === 0) return true
  const reason = `not installed here: ${missing.join(', ')} (scripts/test installs it)`
  if (process.env.CI) throw new Error(reason)
  test.skip(reason)
  return false
}

/** Likewise for tests that only root can run, such as those that start Postfix. */
export function needRoot(test: TestContext): boolean {
  if (process.getuid?.() === 0) return true
  if (process.env.CI) throw new Error('must be run as root')
  test.skip('only root can run this')
  return false
}
