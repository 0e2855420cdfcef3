import { readFileSync } from 'node:fs'

/** The version of this package, from its package.json, which lies two folders up in a checkout and in a build alike. */
export function version(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(file) as { version: string }).version
}
