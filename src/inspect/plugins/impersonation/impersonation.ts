import { type Address, addressKey } from '../../../mail/address.ts'
import { CONTINUE, type Verdict, worst } from '../../../mail/verdict.ts'
import { type Action, act } from '../../action.ts'
import type { Inspector, MessageView } from '../../plugin.ts'
import { type BuiltInContext, servicesOf } from '../../services.ts'
import { type AuthenticationFacts, authenticationFacts } from '../authentication/facts.ts'
import { type Author, readAuthor, seenAddresses } from './author.ts'
import { nameKey } from './name.ts'
import type { ImpersonationOptions } from './options.ts'

const NAME = 'impersonation'

/**
 * Finds mail from outside that pretends to come from us: From in a domain of ours that nothing
 * proves, and display names that show an address or a person of ours before somebody else's address.
 */
export function impersonationPlugin(options: ImpersonationOptions, context: BuiltInContext): Inspector {
  const own = new Set([...servicesOf(NAME, context).domains, ...options.domains])
  return {
    name: NAME,
    async data(message) {
      const { client, user } = message.session
      if (client !== null || user !== null) return CONTINUE
      return worst(authorsOf(message).map((author) => judge(author, message, options, own)))
    },
  }
}

/** Every From field: programs differ on which one they show. */
function authorsOf({ header }: MessageView): Author[] {
  const fields = header.filter(({ name }) => name.toLowerCase() === 'from')
  return fields.flatMap(({ value }) => readAuthor(value) ?? [])
}

type OwnDomains = ReadonlySet<string>

function judge(author: Author, message: MessageView, options: ImpersonationOptions, own: OwnDomains): Verdict {
  const { except } = options
  const isExcepted = ({ domain, ...rest }: Address) =>
    except.has(`@${domain}`) || except.has(addressKey({ domain, ...rest }))
  if (author.addresses.every(isExcepted)) return CONTINUE
  const facts = authenticationFacts(message.results)
  return worst([onOwnDomain(author, facts, options.ownDomain, own), onDisplayName(author, options, own)])
}

function onOwnDomain(
  { addresses }: Author,
  facts: AuthenticationFacts | null,
  action: Action,
  own: OwnDomains,
): Verdict {
  const found = addresses.find(({ domain }) => isOwn(domain, own) && !isProved(domain, facts))
  if (found === undefined || action === 'off') return CONTINUE
  const reason = `From is in ${found.domain}, and nothing proves it`
  const text = `Mail in the name of ${found.domain} is taken from its own servers, or with a signature of its own (DKIM), or from where it says that it sends (SPF)`
  return act(NAME, action, { reason, enhanced: '5.7.1', text })
}

function isOwn(domain: string, own: OwnDomains): boolean {
  for (let name = domain; ; name = name.slice(name.indexOf('.') + 1)) {
    if (own.has(name)) return true
    if (!name.includes('.')) return false
  }
}

/** DMARC, or where the domain has no policy, SPF or DKIM for a domain that it belongs to or that belongs to it. */
function isProved(domain: string, facts: AuthenticationFacts | null): boolean {
  if (facts === null) return false
  const { dmarc, override, spf, dkim } = facts
  if (dmarc?.from === domain && (dmarc.result === 'pass' || override !== undefined)) return true
  if (dmarc !== undefined && dmarc.result !== 'none') return false
  const proved = dkim.filter(({ result }) => result === 'pass').map((signature) => signature.domain)
  if (spf?.result === 'pass') proved.push(spf.domain.toLowerCase())
  return proved.some((name) => name === domain || name.endsWith(`.${domain}`) || domain.endsWith(`.${name}`))
}

function onDisplayName(author: Author, { displayName, people }: ImpersonationOptions, own: OwnDomains): Verdict {
  if (displayName === 'off') return CONTINUE
  const reason = shownAddress(author, people, own) ?? shownPerson(author, people)
  if (reason === null) return CONTINUE
  return act(NAME, displayName, { reason, enhanced: '5.7.1', text: 'The name in From is not that of its address' })
}

function shownAddress({ addresses, shown }: Author, people: ImpersonationOptions['people'], own: OwnDomains) {
  const keys = new Set(addresses.map(addressKey))
  const known = new Set([...people.values()].flatMap((each) => [...each]))
  const isOurs = (address: Address) => isOwn(address.domain, own) || known.has(addressKey(address))
  const isFalse = seenAddresses(shown).some((seen) => isOurs(seen) && !keys.has(addressKey(seen)))
  return isFalse ? 'the name in From shows an address of ours, and it is not its own' : null
}

function shownPerson({ addresses, shown }: Author, people: ImpersonationOptions['people']) {
  const theirs = people.get(nameKey(shown))
  if (theirs === undefined || addresses.every((address) => theirs.has(addressKey(address)))) return null
  return 'the name in From is that of a person of ours, and the address is not'
}
