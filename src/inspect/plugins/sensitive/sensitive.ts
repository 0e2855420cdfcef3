import { memoryContent } from '../../../mail/content.ts'
import type { Recipient } from '../../../mail/envelope.ts'
import { CONTINUE, type Verdict } from '../../../mail/verdict.ts'
import type { PluginResult } from '../../outcome.ts'
import type {
  Answer,
  Division,
  DivisionView,
  Inspector,
  MessageView,
  Modification,
  Modifier,
  Plugin,
  SessionView,
} from '../../plugin.ts'
import { type BuiltInContext, type Services, servicesOf } from '../../services.ts'
import type { SmimeSigner } from '../../smime/encrypt-job.ts'
import { type Handling, handlingOf, keyOf, ORDINARY, readKey } from './handling.ts'
import { type Mark, markOf } from './marks.ts'
import { NAME, type SensitiveOptions } from './options.ts'
import { withShownFields } from './outer-header.ts'
import { readSigner } from './signer.ts'
import { crowded, NOT_HELD, tooLarge, unserved } from './verdicts.ts'

/** The one that encrypts; what comes after it in the chain sees only what leaves. */
export const ENCRYPTION = 'sensitive-encryption'

interface Means {
  readonly options: SensitiveOptions
  readonly services: Services
  readonly signer: SmimeSigner | null
}

/** What clients mark as sensitive leaves over a proven path, encrypted, or not at all. Rejects with OptionsError. */
export async function sensitivePlugins(options: SensitiveOptions, context: BuiltInContext): Promise<readonly Plugin[]> {
  const services = servicesOf(NAME, context)
  const means = { options, services, signer: await readSigner(options.signer, context.clock.now()) }
  return [judge(means), review(), encryption(means)]
}

/** Says what must be done for whom, and refuses what cannot be done. */
function judge(means: Means): Inspector {
  return {
    name: NAME,
    divide: (message) => divide(message, means),
    rcpt: async ({ session }, to) => atRcpt(session, to, means),
    data: async (message) => atData(message, means),
  }
}

/** What comes from outside is not ours to judge: it is here already, in whatever way it came. */
function markFor(session: SessionView, header: MessageView['header'], { options, services }: Means): Mark | null {
  if (session.client === null) return null
  return services.sensitiveClients?.has(session.client) ? 'client' : markOf(header, options.marks)
}

function handlings(
  session: SessionView,
  header: MessageView['header'],
  rcptTo: readonly Recipient[],
  means: Means,
): readonly Handling[] {
  const mark = markFor(session, header, means)
  if (mark === null) return rcptTo.map(() => ORDINARY)
  const found = rcptTo.map((recipient) => handlingOf(recipient, mark, means.services))
  const encrypted = found.filter(({ does }) => does === 'encrypt').length
  if (encrypted <= means.options.maxEncrypted) return found
  return found.map((each) => (each.does === 'encrypt' ? { does: 'crowd', mark, certificate: null } : each))
}

function divide({ session, header, rcptTo }: DivisionView, means: Means): readonly Division[] {
  const recipients = rcptTo.map(({ recipient }) => recipient)
  return handlings(session, header, recipients, means).map((handling, index) => {
    const key = keyOf(handling, index)
    return handling.does === 'ordinary' ? { key } : { key, sensitive: true }
  })
}

/** Where a client's policy marks all that it sends, the sender need not transmit what cannot go. */
function atRcpt({ client }: SessionView, to: Recipient, { options, services }: Means): Verdict {
  if (client === null || !services.sensitiveClients?.has(client)) return CONTINUE
  // this server's own postmaster stands for another address, which is judged with the content
  if (to.address.domain === services.hostname) return CONTINUE
  return handlingOf(to, 'client', services).does === 'unserved' ? unserved([to], options) : CONTINUE
}

/** All recipients are handled alike, but in modes that only watch: then the first that cannot be served counts. */
function atData(message: MessageView, means: Means): Answer {
  const { rcptTo, session, header } = message
  const division = message.divisions?.get(NAME)
  const found = division === undefined ? handlings(session, header, rcptTo, means) : rcptTo.map(() => readKey(division))
  const stopped = rcptTo.filter((_, i) => found[i]?.does === 'unserved')
  const first =
    found.find(({ does }) => does === 'unserved') ?? found.find(({ does }) => does !== 'ordinary') ?? ORDINARY
  const verdict = stopped.length > 0 ? unserved(stopped, means.options) : verdictOn(first, message, means)
  const { does, mark, certificate } = first
  if (does === 'ordinary') return { verdict }
  return { verdict, facts: { marked: mark, handling: does, ...(certificate !== null && { certificate }) } }
}

function verdictOn({ does }: Handling, { rcptTo, content }: MessageView, { options }: Means): Verdict {
  if (does === 'crowd') return crowded(rcptTo, options)
  return does === 'encrypt' && content.size > options.largest ? tooLarge(options) : CONTINUE
}

/** After all other plugins have spoken: held mail is looked at by people and scanners, who could not look into it. */
const review = (): Inspector => ({
  name: 'sensitive-review',
  phase: 'sign',
  data: async (message) => (isToBeEncrypted(message) && isHeld(message.results) ? NOT_HELD : CONTINUE),
})

const isToBeEncrypted = ({ divisions }: MessageView): boolean => divisions?.get(NAME)?.startsWith('encrypt ') === true

const isHeld = (results: readonly PluginResult[]): boolean =>
  results.some(({ verdict, mode, hook }) => verdict === 'hold' && mode === 'enforce' && hook !== 'rcpt')

function encryption(means: Means): Modifier {
  return {
    name: ENCRYPTION,
    phase: 'sign',
    async modify(message) {
      if (!isToBeEncrypted(message)) return []
      if (isHeld(message.results)) throw new Error('a plugin of the last phase holds what is to be encrypted')
      return encrypted(message, means)
    },
  }
}

async function encrypted(
  { rcptTo, content, divisions, signal }: MessageView,
  { options, services, signer }: Means,
): Promise<readonly Modification[]> {
  const { certificate } = readKey(divisions?.get(NAME) ?? '')
  const [to] = rcptTo
  if (to === undefined || rcptTo.length !== 1) throw new Error('what is encrypted has one recipient')
  const known = services.certificates?.find(to.address).find(({ fingerprint }) => fingerprint === certificate)
  if (known === undefined) throw new Error('the certificate has gone while the message was looked at')
  const args = { certificates: [known.pem], sign: signer, outerSubject: options.outerSubject }
  const { message } = await services.pool.run('encrypt', args, content, { signal })
  const bytes = withShownFields(Buffer.from(message.buffer, message.byteOffset, message.byteLength))
  return [{ do: 'replaceContent', content: memoryContent(bytes), encrypted: true }]
}
