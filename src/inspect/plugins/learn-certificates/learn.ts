import type { Address } from '../../../mail/address.ts'
import { CONTINUE } from '../../../mail/verdict.ts'
import { OptionsError } from '../../options.ts'
import type { Inspector, MessageView } from '../../plugin.ts'
import { type BuiltInContext, type RecipientCertificates, servicesOf } from '../../services.ts'
import { authenticationFacts } from '../authentication/facts.ts'
import { readAuthor } from '../impersonation/author.ts'
import type { LearnOptions } from './options.ts'

const NAME = 'learn-certificates'
/** Messages that are looked at side by side; those beyond are let go, since their senders will write again. */
const MOST_AT_ONCE = 8

/**
 * Learns recipients' certificates of signed mail from outside. It never changes, delays or defers a message:
 * what it finds is stored beside the message's way, and every failure only stands in the log.
 */
export function learnCertificatesPlugin({ largest }: LearnOptions, context: BuiltInContext): Inspector {
  const { certificates } = servicesOf(NAME, context)
  if (certificates?.learn === undefined) throw new OptionsError(`${NAME}: there is no store of certificates`)
  const under = new Set<Promise<void>>()
  const teacher = new Teacher(context, certificates, largest)
  return {
    name: NAME,
    phase: 'inspect',
    async data(message) {
      const author = signedAuthor(message)
      if (author === null || message.content.size > largest || under.size >= MOST_AT_ONCE) return CONTINUE
      const work = teacher.learn(message, author).finally(() => under.delete(work))
      under.add(work)
      return CONTINUE
    },
    async close() {
      await Promise.all(under)
    },
  }
}

/** Who wrote a message from outside that says that it is signed; null for any other, and where DMARC says that it was another. */
function signedAuthor({ direction, header, results }: MessageView): Address | null {
  const named = (name: string) => header.filter((field) => field.name.toLowerCase() === name)
  const [type] = named('content-type')
  const [from, ...others] = named('from')
  if (direction !== 'inbound' || type === undefined || from === undefined || others.length > 0) return null
  if (!/^multipart\/signed\b/i.test(type.value) || !/pkcs7-signature/i.test(type.value)) return null
  const dmarc = authenticationFacts(results)?.dmarc?.result
  if (dmarc !== undefined && dmarc !== 'pass' && dmarc !== 'none') return null
  const addresses = readAuthor(from.value)?.addresses ?? []
  return addresses.length === 1 ? (addresses[0] ?? null) : null
}

class Teacher {
  readonly #context: BuiltInContext
  readonly #certificates: RecipientCertificates
  readonly #largest: number

  constructor(context: BuiltInContext, certificates: RecipientCertificates, largest: number) {
    this.#context = context
    this.#certificates = certificates
    this.#largest = largest
  }

  /** Never rejects. */
  async learn(message: MessageView, address: Address): Promise<void> {
    const { log } = this.#context
    const session = message.session.id
    try {
      const why = await this.#learn(message, address)
      if (why !== null) log.debug({ plugin: NAME, session, why }, 'no certificate was learnt of a signed message')
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error)
      log.warn({ plugin: NAME, session, cause }, 'a signed message could not be looked at')
    }
  }

  async #learn({ content }: MessageView, address: Address): Promise<string | null> {
    const { pool } = servicesOf(NAME, this.#context)
    const found = await pool.run('signer', { maxBytes: this.#largest }, content)
    if (found.signer === null) return found.why
    const { certificate, others } = found.signer
    const answer = await this.#certificates.learn?.({ certificate, chain: others, address })
    return answer?.why ?? null
  }
}
