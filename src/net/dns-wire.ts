import { type Answer, AUTHENTIC_DATA, decode, encode, RECURSION_DESIRED } from 'dns-packet'
import type { DnsAnswer, TimedAnswer } from './dns.ts'

/** One question on its way. */
export interface Question {
  readonly id: number
  /** Lower case, without the final dot. */
  readonly name: string
  readonly type: 'A' | 'AAAA' | 'CNAME' | 'MX' | 'PTR' | 'TLSA' | 'TXT'
}

/** What a name server said, or that it must be asked over TCP. */
export type Response =
  | { readonly is: 'answer'; readonly timed: TimedAnswer<Answer> }
  | { readonly is: 'truncated' }
  /** It cannot or will not say: another server may. */
  | { readonly is: 'failed'; readonly cause: string }
  /** Not the answer to this question: it is as if it had not come. */
  | { readonly is: 'foreign' }

// Between programs of one machine nothing is cut into fragments
const UDP_PAYLOAD = 4096
const LONGEST_CHAIN = 16
// RFC 2308 section 5: for an answer that does not say it
const SILENT_TTL = 60

/** Whether the DNS can hold such a name: others need not be asked about. */
export function isNameable(name: string): boolean {
  const fits = (label: string) => label.length >= 1 && label.length <= 63
  return name.length <= 253 && /^[!-~]+$/.test(name) && name.split('.').every(fits)
}

/**
 * Asks for the AD bit (RFC 6840 section 5.7), and not for signatures (DO): the resolver has looked
 * at them, and answers stay small.
 */
export function encodeQuestion({ id, name, type }: Question): Buffer {
  return encode({
    type: 'query',
    id,
    flags: RECURSION_DESIRED | AUTHENTIC_DATA,
    questions: [{ type, name }],
    additionals: [
      {
        type: 'OPT',
        name: '.',
        udpPayloadSize: UDP_PAYLOAD,
        extendedRcode: 0,
        ednsVersion: 0,
        flags: 0,
        flag_do: false,
        options: [],
      },
    ],
  })
}

/** Reads a packet as the answer to a question. Never throws: what cannot be read is `failed`. */
export function readResponse(packet: Buffer, question: Question): Response {
  try {
    return interpret(decode(packet) as Decoded, question)
  } catch {
    // its id cannot be trusted either, but nothing else writes to a connected socket
    return { is: 'failed', cause: 'the name server gave an answer that makes no sense' }
  }
}

type Decoded = ReturnType<typeof decode> & { readonly rcode: string }

function interpret(packet: Decoded, question: Question): Response {
  if (!answersTo(packet, question)) return { is: 'foreign' }
  if (packet.flag_tc) return { is: 'truncated' }
  const authentic = packet.flag_ad ? ({ authentic: true } as const) : {}
  if (packet.rcode === 'NXDOMAIN') return answer({ is: 'none', why: 'nxdomain', ...authentic }, negativeTtl(packet))
  if (packet.rcode !== 'NOERROR')
    return { is: 'failed', cause: CAUSES[packet.rcode] ?? `the name server said ${packet.rcode}` }
  const { records, canonical, ttl } = follow(packet.answers ?? [], question)
  const alias = canonical === question.name ? {} : { canonical }
  if (records.length > 0) return answer({ is: 'found', records, ...authentic, ...alias }, ttl)
  return answer({ is: 'none', why: 'nodata', ...authentic, ...alias }, negativeTtl(packet))
}

const answer = (found: DnsAnswer<Answer>, ttl: number): Response => ({ is: 'answer', timed: { answer: found, ttl } })

const CAUSES: Readonly<Record<string, string>> = {
  // RFC 4035 section 5.5: also what a validating resolver says of answers whose signatures do not hold
  SERVFAIL: 'the name server failed, or DNSSEC does not hold (SERVFAIL)',
  REFUSED: 'the name server refused the question (REFUSED)',
}

/** RFC 5452 section 9.1: id, question and being an answer at all. */
function answersTo(packet: Decoded, { id, name, type }: Question): boolean {
  const [asked, ...more] = packet.questions ?? []
  const same = asked?.type === type && normal(asked.name) === name && asked.class === 'IN'
  return packet.flag_qr && packet.id === id && same && more.length === 0
}

/** Records of the type that was asked for, at the end of the chain of aliases. */
function follow(answers: readonly Answer[], { name, type }: Question) {
  const usable = answers.filter((each) => each.type !== 'OPT' && each.class === 'IN')
  const ttls: number[] = []
  let canonical = name
  for (let steps = 0; type !== 'CNAME' && steps < LONGEST_CHAIN; steps++) {
    const alias = usable.find((each) => each.type === 'CNAME' && normal(each.name) === canonical)
    if (alias?.type !== 'CNAME') break
    ttls.push(alias.ttl ?? 0)
    canonical = normal(alias.data)
  }
  const records = usable.filter((each) => each.type === type && normal(each.name) === canonical)
  for (const record of records) ttls.push('ttl' in record ? (record.ttl ?? 0) : 0)
  return { records, canonical, ttl: lifetime(Math.min(...ttls)) }
}

/** RFC 2308 section 5: the smaller of the SOA's own time and its last field. */
function negativeTtl({ authorities = [] }: Decoded): number {
  const soa = authorities.find((each) => each.type === 'SOA')
  if (soa?.type !== 'SOA') return SILENT_TTL
  return lifetime(Math.min(soa.ttl ?? 0, soa.data.minimum ?? 0))
}

// RFC 2181 section 8: with the first bit set it counts as none
const lifetime = (ttl: number): number => (ttl > 0x7fff_ffff ? 0 : ttl)

/** Lower case, without the final dot. */
export const normal = (name: string): string => name.toLowerCase().replace(/\.$/, '')
