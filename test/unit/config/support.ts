import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { Config } from '../../../src/config/config.ts'
import { parseSource } from '../../../src/config/document.ts'
import { type Loaded, type LoadOptions, loadSource } from '../../../src/config/load.ts'
import type { Problem } from '../../../src/config/problem.ts'

const FILE = '/etc/postern/postern.yaml'

/** Loads a configuration from its text, as if it lay in /etc/postern. */
export function load(yaml: string, options: LoadOptions = {}): Loaded {
  const read = parseSource(FILE, yaml)
  return read.ok ? loadSource(read.source, options) : read
}

/** The least that a configuration needs, and then more. */
export const withBasics = (yaml: string): string =>
  `hostname: relay.example.test\nlisteners: [{ port: 25, tls: none }]\n${yaml}`

/** Loads the basics and more; fails the test if it is not right. */
export function loaded(yaml: string, options: LoadOptions = {}): Config {
  const result = load(withBasics(yaml), options)
  assert.ok(result.ok, inspect(result, { depth: 9 }))
  return result.config
}

/** The problems of the basics and more; fails the test if there are none. */
export function problems(yaml: string, options: LoadOptions = {}): readonly Problem[] {
  const result = load(withBasics(yaml), options)
  assert.equal(result.ok, false, 'it loaded')
  return result.ok ? [] : result.problems
}

/** The problems as `line:column key: message`, lines counted from the first one after the basics. */
export const said = (yaml: string, options: LoadOptions = {}): string[] =>
  problems(yaml, options).map(({ line, column, key, message }) => `${line - 2}:${column} ${key}: ${message}`)
