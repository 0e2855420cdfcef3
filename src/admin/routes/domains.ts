import type { FastifyInstance } from 'fastify'
import type { Log } from '../../log.ts'
import { parseDomain } from '../../mail/address.ts'
import type { PathQuestion } from '../../transport/contract.ts'
import {
  type ApiExplanation,
  type ApiProbe,
  type ApiProbeRequest,
  type DomainPort,
  type ProbeWish,
  toApiExplanation,
  toApiProbe,
} from '../domains.ts'
import { AdminFailure, badRequest } from '../failure.ts'
import type { AdminPorts } from '../ports.ts'
import { DOMAIN_PARAMS, EXPLANATION_QUERY, PROBE_BODY } from '../schema-domains.ts'

interface Params {
  readonly domain: string
}

/** How mail reaches a domain, and what its hosts show. */
export function addDomainRoutes(app: FastifyInstance, ports: AdminPorts, log: Log): void {
  const port = (): DomainPort => {
    if (ports.domains === undefined) throw new AdminFailure(503, 'no-paths', 'This relay knows no paths.')
    return ports.domains
  }
  app.get<{ Params: Params; Querystring: { need: PathQuestion['need'] } }>(
    '/v1/domains/:domain/explanation',
    { schema: { params: DOMAIN_PARAMS, querystring: EXPLANATION_QUERY } },
    async ({ params, query: { need } }): Promise<ApiExplanation> => {
      const domain = readDomain(params)
      return toApiExplanation(domain, need, await port().explain(domain, need))
    },
  )
  app.post<{ Params: Params; Body: ApiProbeRequest }>(
    '/v1/domains/:domain/probe',
    { schema: { params: DOMAIN_PARAMS, body: PROBE_BODY } },
    async ({ params, body }): Promise<ApiProbe> => {
      const domain = readDomain(params)
      const wish = readWish(body)
      log.info({ by: body.by, domain, ...wish }, 'probing the hosts of a domain')
      return toApiProbe(domain, await port().probe(domain, wish))
    },
  )
}

function readDomain({ domain: text }: Params): string {
  const domain = text.startsWith('[') ? null : parseDomain(text)
  if (domain === null) throw badRequest(`${text} is no domain name.`)
  return domain
}

function readWish({ requirement, fingerprints = [], minTls, nextHop }: ApiProbeRequest): ProbeWish {
  const pinned = requirement === 'pinned'
  if (pinned && fingerprints.length === 0) throw badRequest('pinned needs the fingerprint of at least one certificate.')
  if (!pinned && fingerprints.length > 0) throw badRequest('Fingerprints are looked at with pinned only.')
  return {
    requirement: requirement ?? null,
    fingerprints,
    minTls: minTls ?? null,
    nextHop: nextHop === undefined ? null : readHost(nextHop),
  }
}

const HOST_PORT = /^(?:\[([^\]]{1,255})\]|([^\][:]{1,255}))(?::(\d{1,5}))?$/

function readHost(text: string): { host: string; port: number } {
  const [, bracketed, plain, digits = '25'] = HOST_PORT.exec(text) ?? []
  const host = bracketed ?? plain
  const port = Number(digits)
  if (host === undefined || port < 1 || port > 65_535) throw badRequest(`${text} is neither a host nor host:port.`)
  return { host: host.toLowerCase(), port }
}
