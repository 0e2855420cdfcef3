import { arc } from 'mailauth/lib/arc/index.js'
import type { ArcSet, SignatureResult } from 'mailauth/lib/dkim/dkim-verifier.js'
import type { DnsAnswer } from '../../../net/dns.ts'
import { partMessage } from '../../dkim/input.ts'
import type { JobContext, JobInput } from '../../pool/job.ts'
import { txtRecords } from './dns-bridge.ts'
import { PublicKeys } from './key-cache.ts'
import { NOT_EXAMINED, Verifier, type VerifyLimits } from './verifier.ts'

export interface VerifyArgs {
  /** Milliseconds since 1970. */
  readonly now: number
  readonly limits: VerifyLimits
  readonly headerBytes: number
  /** Answers to questions that will be asked, by name, to save the way. */
  readonly keys: readonly (readonly [name: string, answer: DnsAnswer<string>])[]
}

/** One DKIM signature: RFC 8601 section 2.7.1. */
export interface DkimFact {
  readonly result: string
  readonly domain: string
  readonly selector: string
  /** As it stands in Authentication-Results. */
  readonly info: string
}

export interface ArcFact {
  readonly result: 'none' | 'pass' | 'fail'
  readonly comment: string | null
  /** The highest instance; 0 without a chain. */
  readonly instance: number
  /** Who sealed, from the first to the last. */
  readonly sealers: readonly string[]
  /** What the first of them says of DMARC, and for which author's domain. */
  readonly dmarc: string | null
  readonly from: string | null
}

export interface Verified {
  readonly dkim: readonly DkimFact[]
  /** Signatures that were not looked at. */
  readonly ignored: number
  readonly arc: ArcFact
  /** Addresses in From, and how many From fields there are. */
  readonly from: readonly string[]
  readonly fromFields: number
}

// of this thread: keys of one message serve the next
const KEYS = new PublicKeys()

/** Verifies the DKIM signatures and the ARC chain of a message. Its one question: the TXT records of a name. */
export async function verifyJob(args: VerifyArgs, input: JobInput, context: JobContext): Promise<Verified> {
  const known = new Map(args.keys)
  const resolver = async (name: string, type: string) => {
    if (type !== 'TXT') throw new Error(`a signature asked for ${type}`)
    return txtRecords(known.get(name) ?? ((await context.ask(name)) as DnsAnswer<string>))
  }
  const verifier = new Verifier(resolver, KEYS, args.limits, args.now)
  await partMessage(
    input,
    args.headerBytes,
    (header) => verifier.begin(header),
    (piece) => {
      for (const hasher of verifier.bodyHashes.values()) hasher.update(piece)
    },
  )
  await verifier.finalChunk()
  const { results, headerFrom, fromFields } = verifier
  const looked = results.filter(({ status }) => status.comment !== NOT_EXAMINED)
  return {
    dkim: looked.filter(({ status }) => status.result !== 'none').map(dkimFact),
    ignored: results.length - looked.length,
    arc: await arcFact(verifier, resolver, args.limits.minRsaBits),
    from: headerFrom,
    fromFields,
  }
}

/**
 * A signature that leaves octets of the body to anybody (l=, RFC 6376 section 8.2) proves nothing
 * about the whole: RFC 8601 section 2.7.1 calls that `policy`.
 */
function dkimFact({ status, signingDomain = '', selector = '', info }: SignatureResult): DkimFact {
  const isPartial = status.result === 'pass' && (status.underSized ?? 0) > 0
  const row = isPartial ? info.replace(/^dkim=pass/, 'dkim=policy') : info
  return { result: isPartial ? 'policy' : status.result, domain: signingDomain.toLowerCase(), selector, info: row }
}

async function arcFact(
  { arc: data }: Verifier,
  resolver: ConstructorParameters<typeof Verifier>[0],
  minBitLength: number,
): Promise<ArcFact> {
  // read first: mailauth's own reading of it takes parts away
  const chain = data.chain === false || data.chain === undefined ? [] : data.chain
  const first = chain[0]?.['arc-authentication-results']?.parsed?.dmarc
  const dmarc = typeof first?.value === 'string' ? first.value.toLowerCase() : null
  const from = typeof first?.header?.from === 'string' ? first.header.from.toLowerCase() : null
  const { status } = await arc(data, { resolver, minBitLength, strict: true })
  const result = status.result === 'pass' || status.result === 'none' ? status.result : 'fail'
  const comment = status.comment ? status.comment : null
  return { result, comment, instance: chain.at(-1)?.i ?? 0, sealers: chain.map(sealer), dmarc, from }
}

const sealer = (set: ArcSet): string => String(set['arc-seal']?.parsed?.d?.value ?? '').toLowerCase()
