import type { X509Certificate } from 'node:crypto'
import type { ConnectionOptions, PeerCertificate } from 'node:tls'
import type { ClientFailure, ClientTarget, ClientTimeouts, ClientTlsFacts } from '../smtp/client/contract.ts'
import { openSession } from '../smtp/client/open.ts'
import { chainOf, publicKeyInfo, sha256 } from './certificate.ts'
import type { DemandedTls } from './contract.ts'
import type { HostTlsa } from './dane/lookup.ts'
import { presentation } from './dane/tlsa.ts'
import { demandDane, demandPinned, demandPkix, optionsFor } from './demand.ts'
import { Inquiry } from './inquiry.ts'
import type { StsPolicies } from './mta-sts/policies.ts'
import type { HostProbe, ProbeDeps, ProbedCertificate, ProbeHost, ProbeQuestion } from './probe.ts'
import { tlsaInWords } from './rules.ts'

interface Seen {
  readonly peer: PeerCertificate
  readonly error: string | null
}

/**
 * Connects to one address and reports what it shows, and what that would prove. Connects a second time with the version
 * and the ciphers of the requirement. Never rejects.
 */
export const probeHost: ProbeHost = async (question, deps) => {
  const inquiry = inquiryOf(question, deps)
  const tlsa = await inquiry.tlsa(question)
  // RFC 7672 section 8.1: a host may have a certificate for the name of its TLSA records only
  const options = { ...deps.options, ...(tlsa.is === 'usable' ? { servername: tlsa.base } : {}) }
  const { seen, facts, failure, requireTls } = await look(question, deps, options)
  const chain = seen === null ? [] : chainOf(seen.peer).map(described)
  const holds = await judge(inquiry, question, tlsa, seen, failure?.text ?? null)
  return {
    host: question.host,
    address: question.address,
    port: question.port,
    failure: failure?.text ?? null,
    tls: facts === null ? null : { protocol: facts.protocol, cipher: facts.cipher },
    chain,
    requireTls,
    tlsa: { records: 'records' in tlsa ? tlsa.records.map(presentation) : [], says: tlsaInWords(tlsa) },
    holds,
    wanted: await judgeWanted(question, deps, options, holds),
  }
}

const NO_POLICIES: Pick<StsPolicies, 'of'> = { of: async () => ({ is: 'none', why: 'not asked', trouble: null }) }

function inquiryOf({ domain, host, port, from, authentic }: ProbeQuestion, deps: ProbeDeps): Inquiry {
  const routeTls = { mode: 'required', verify: true, options: deps.options ?? {} } as const
  const options = { register: { exact: new Map(), below: new Map() }, dane: true, mtaSts: true, exceptions: [] }
  const question = { domain, hosts: [{ host, port }], from, authentic, routeTls, need: 'none' } as const
  return new Inquiry(question, options, deps, deps.policies ?? NO_POLICIES)
}

const timeouts = (ms: number): ClientTimeouts => ({
  ...{ connect: ms, greeting: ms, hello: ms, tls: ms, auth: ms },
  ...{ mail: ms, rcpt: ms, data: ms, block: ms, end: ms, quit: ms },
})

interface Look {
  readonly seen: Seen | null
  readonly facts: ClientTlsFacts | null
  readonly failure: ClientFailure | null
  readonly requireTls: boolean
}

async function look(
  { host, address, port }: ProbeQuestion,
  deps: ProbeDeps,
  options: ConnectionOptions,
): Promise<Look> {
  let seen: Seen | null = null
  const verify: NonNullable<DemandedTls['verify']> = (peer, error) => {
    seen = { peer, error }
    return null
  }
  const tls = { mode: deps.mode ?? 'required', options, verify } as const
  const place = { host, address, port, protocol: 'smtp', login: null, localAddress: null } as const
  const target: ClientTarget = { ...place, tls, helo: deps.helo, timeouts: timeouts(deps.stepMs) }
  const opened = await openSession(target, deps)
  if (!opened.ok) return { seen, facts: null, failure: opened.failure, requireTls: false }
  const { tls: facts, extensions } = opened.session
  await opened.session.quit()
  return { seen, facts, failure: null, requireTls: extensions.has('REQUIRETLS') }
}

async function judge(
  inquiry: Inquiry,
  question: ProbeQuestion,
  tlsa: HostTlsa,
  seen: Seen | null,
  failure: string | null,
): Promise<HostProbe['holds']> {
  const { host, domain, requirement } = question
  const { routeTls } = inquiry.question
  const told = (verify: DemandedTls['verify']): string | null =>
    seen === null ? (failure ?? 'no certificate was shown') : (verify?.(seen.peer, seen.error) ?? null)
  const pins = requirement?.fingerprints ?? []
  const dane = tlsa.is === 'usable' ? demandDane(host, tlsa, domain, routeTls, inquiry.deps.clock) : null
  return {
    verified: told(demandPkix(host, await inquiry.namesFor(host), routeTls).demand.tls.verify),
    dane: dane === null ? tlsaInWords(tlsa) : told(dane.demand.tls.verify),
    pinned:
      pins.length === 0 ? 'no fingerprints are listed' : told(demandPinned(host, pins, routeTls).demand.tls.verify),
  }
}

async function judgeWanted(
  question: ProbeQuestion,
  deps: ProbeDeps,
  options: ConnectionOptions,
  holds: HostProbe['holds'],
): Promise<HostProbe['wanted']> {
  const { requirement } = question
  if (requirement === null) return null
  const problem = holds[requirement.prove]
  if (problem !== null) return { holds: false, why: `${requirement.prove}: ${problem}` }
  const { failure } = await look(question, deps, optionsFor(requirement, options))
  if (failure === null) return { holds: true, why: `${requirement.prove}, ${requirement.minTls} or newer` }
  return {
    holds: false,
    why: `with ${requirement.minTls} or newer and the ciphers that are asked for: ${failure.text}`,
  }
}

function described(certificate: X509Certificate): ProbedCertificate {
  return {
    subject: oneLine(certificate.subject),
    issuer: oneLine(certificate.issuer),
    names: (certificate.subjectAltName ?? '').split(', ').filter((name) => name !== ''),
    notBefore: certificate.validFromDate.getTime(),
    notAfter: certificate.validToDate.getTime(),
    fingerprint: sha256(certificate.raw),
    publicKeyFingerprint: sha256(publicKeyInfo(certificate.raw)),
  }
}

const oneLine = (name: string | undefined): string => (name ?? '').split('\n').reverse().join(', ')
