import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import type { HostDemand, PathDecision, PathQuestion } from '../../src/transport/contract.ts'

/** What a test decides about a question; undefined: what the route says. */
export type Script = (question: PathQuestion) => Partial<PathDecision> | undefined

export interface ScriptedSecurity {
  /** May be changed while in use. */
  script: Script
  /** Every question, in order. */
  readonly asked: PathQuestion[]
  decide(question: PathQuestion): Promise<PathDecision>
}

/** Decisions out of a table in the place of policies. */
export function scriptedSecurity(script: Script = () => undefined): ScriptedSecurity {
  const asked: PathQuestion[] = []
  const security: ScriptedSecurity = {
    script,
    asked,
    async decide(question) {
      asked.push(question)
      return { ...decideByRoute(question), ...security.script(question) }
    },
  }
  return security
}

/** What routes ask for by themselves, and REQUIRETLS; no register, no DANE, no MTA-STS. Nothing sensitive may leave. */
export function decideByRoute({ hosts, need, routeTls }: PathQuestion): PathDecision {
  const { mode, verify, options } = routeTls
  const proven = need === 'requiretls' || (verify && mode !== 'none' && mode !== 'opportunistic')
  const wanted = need === 'requiretls' && mode !== 'implicit' ? 'required' : mode
  const demand = ({ host }: { host: string }): HostDemand => ({
    host,
    refused: null,
    tls: { mode: wanted, options, verify: proven ? (...peer) => problemOf(host, ...peer) : null },
    proves: proven ? 'pkix' : wanted === 'none' ? 'clear' : 'unproven',
  })
  return {
    source:
      need === 'requiretls' ? 'requiretls' : mode === 'none' ? 'clear' : mode === 'opportunistic' ? mode : 'route',
    key: need === 'requiretls' ? need : 'route',
    hosts: hosts.map(demand),
    stopped:
      need === 'sensitive' ? { text: 'sensitive mail leaves for registered domains only', status: '4.7.5' } : null,
    until: Number.POSITIVE_INFINITY,
    reported: [],
  }
}

/** RFC 9525: a chain that leads to an authority, and the host's name. */
const problemOf = (host: string, peer: PeerCertificate, error: string | null): string | null =>
  error ?? checkServerIdentity(host, peer)?.message ?? null
