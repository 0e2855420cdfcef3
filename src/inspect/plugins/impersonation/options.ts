import { addressKey, parseAddress, parseDomain } from '../../../mail/address.ts'
import { ACTIONS, type Action } from '../../action.ts'
import { OptionsError, OptionsReader } from '../../options.ts'
import { nameKey } from './name.ts'

export interface ImpersonationOptions {
  /** From in a domain of ours, from outside, and nothing proves it. */
  readonly ownDomain: Action
  /** A display name with an address of ours, or the name or address of one of `people`, before another's address. */
  readonly displayName: Action
  /** Domains of ours besides those that mail is taken for. */
  readonly domains: readonly string[]
  /** Who is worth pretending to be: for each name, as `nameKey` writes it, the addresses that bear it. */
  readonly people: ReadonlyMap<string, ReadonlySet<string>>
  /** Authors, as addresses or `@domain`, that nothing is held against. */
  readonly except: ReadonlySet<string>
}

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseImpersonationOptions(raw: unknown): ImpersonationOptions {
  const reader = new OptionsReader('impersonation', raw)
  const options: ImpersonationOptions = {
    ownDomain: reader.choice('ownDomain', ACTIONS, 'hold'),
    displayName: reader.choice('displayName', ACTIONS, 'tag'),
    domains: reader.list('domains', []).map(domainOf),
    people: peopleOf(reader.list('people', [])),
    except: new Set(reader.list('except', []).map(exceptOf)),
  }
  reader.done()
  return options
}

function domainOf(text: string): string {
  const domain = parseDomain(text)
  if (domain === null) throw new OptionsError(`impersonation: expected a domain, found '${text}'`)
  return domain
}

/** `Jane Smith <jane.smith@royal.example.test>`; several lines for one name are several addresses. */
function peopleOf(lines: readonly string[]): ReadonlyMap<string, ReadonlySet<string>> {
  const people = new Map<string, Set<string>>()
  for (const line of lines) {
    const [, name = '', address = ''] = /^([^<>]*)<([^<>]+)>$/.exec(line.trim()) ?? []
    const parsed = parseAddress(address, { utf8: true })
    const key = nameKey(name)
    if (parsed === null || key === '') {
      throw new OptionsError(`impersonation: people: expected 'Name <address>', found '${line}'`)
    }
    people.set(key, (people.get(key) ?? new Set()).add(addressKey(parsed)))
  }
  return people
}

function exceptOf(text: string): string {
  if (text.startsWith('@')) return `@${domainOf(text.slice(1))}`
  const address = parseAddress(text, { utf8: true })
  if (address === null) throw new OptionsError(`impersonation: except: expected an address or @domain, found '${text}'`)
  return addressKey(address)
}
