import type { Config } from './config.ts'
import { isLoopback } from './loopback.ts'
import type { PluginEntry } from './schema/inspect.ts'

interface Complaint {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

const isSensitive = ({ name, module }: PluginEntry): boolean => name === 'sensitive' && module === null

/** Without the plugin, mail of such clients would leave as any other. */
export function* sensitiveClientsAreServed({ clients, inspect }: Config): Iterable<Complaint> {
  if (inspect.some(isSensitive)) return
  for (const [index, { sensitive }] of clients.entries()) {
    if (!sensitive) continue
    const message = 'nothing sees to it: put the plugin sensitive into inspect, or take this out'
    yield { path: ['clients', index, 'sensitive'], message }
  }
}

/** RFC 8551: what is signed before it is encrypted and moved into an envelope is signed no more. */
export function* sensitiveComesBeforeSign({ inspect }: Config): Iterable<Complaint> {
  const sign = inspect.findIndex(({ name, module }) => name === 'sign' && module === null)
  const sensitive = inspect.findIndex(isSensitive)
  if (sign < 0 || sensitive < sign) return
  yield { path: ['inspect', sensitive], message: 'it encrypts what sign would have signed already: put it before sign' }
}

export function* sensitiveMailHasAWay({ secureDomains, inspect }: Config): Iterable<Complaint> {
  const index = inspect.findIndex(isSensitive)
  if (index < 0 || secureDomains !== null) return
  const message = 'there are no secureDomains: sensitive mail reaches only those whose certificates are known'
  yield { path: ['inspect', index], message }
}

export function* sensitiveIsEnforced({ inspect }: Config): Iterable<Complaint> {
  for (const [index, entry] of inspect.entries()) {
    if (!isSensitive(entry) || entry.mode === 'enforce') continue
    const message = `in mode ${entry.mode} sensitive mail leaves as any other, in clear where the path is`
    yield { path: ['inspect', index, 'sensitive', 'mode'], message }
  }
}

/** A scanner sees mail as it came in: what sensitive mail is kept from on its way out, it would meet within the house. */
export function* scannersAreNear({ inspect }: Config): Iterable<Complaint> {
  if (!inspect.some(isSensitive)) return
  for (const [index, { name, module, options }] of inspect.entries()) {
    if (module !== null) continue
    for (const { key, text } of scannersOf(name, options)) {
      if (!isInClear(text)) continue
      const message = `${text} is asked over the network in clear, about sensitive mail too: keep the scanner on this machine, or lead to it through a tunnel that ends here`
      yield { path: ['inspect', index, name, key], message }
    }
  }
}

type Options = Readonly<Record<string, unknown>>

function scannersOf(plugin: string, options: Options): { readonly key: string; readonly text: string }[] {
  const spam = (options.spamd ?? null) === null ? 'rspamd' : 'spamd'
  const key = { virus: 'clamd', spam }[plugin]
  const hosts = key === undefined ? [] : options[key]
  return Array.isArray(hosts) && key !== undefined ? hosts.map((text) => ({ key, text: String(text) })) : []
}

/** Of a path, `host:port`, or an http or https address. */
function isInClear(text: string): boolean {
  if (text.startsWith('/') || text.startsWith('https:')) return false
  const host = /^(?:http:\/\/)?(?:\[([^\]]+)\]|([^:/]+))/.exec(text)
  const name = host?.[1] ?? host?.[2] ?? ''
  return name.toLowerCase() !== 'localhost' && !isLoopback(name)
}
