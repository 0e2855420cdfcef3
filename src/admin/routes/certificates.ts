import type { FastifyInstance } from 'fastify'
import { type Certificates, CertificatesRefused } from '../../certificates/contract.ts'
import { type Address, parseAddress } from '../../mail/address.ts'
import {
  type ApiCertificate,
  type ApiCertificateAdd,
  type ApiCertificateAddition,
  type ApiCertificatePage,
  toApiCertificate,
  toApiExamined,
} from '../certificates.ts'
import { AdminFailure, badRequest } from '../failure.ts'
import { readMoment } from '../filter.ts'
import type { AdminPorts } from '../ports.ts'
import { CERTIFICATE_ADD_BODY, CERTIFICATE_EXPIRE_BODY, CERTIFICATE_QUERY } from '../schema-certificates.ts'

interface Query {
  readonly of?: string
  readonly expiringBefore?: string
  readonly cursor?: string
  readonly limit: number
}

/** S/MIME certificates of recipients. */
export function addCertificateRoutes(app: FastifyInstance, ports: AdminPorts): void {
  const store = (): Certificates => {
    if (ports.certificates === undefined)
      throw new AdminFailure(503, 'no-certificates', 'This relay keeps no certificates.')
    return ports.certificates
  }
  app.get<{ Querystring: Query }>(
    '/v1/certificates',
    { schema: { querystring: CERTIFICATE_QUERY } },
    async ({ query }): Promise<ApiCertificatePage> => {
      const { entries, next } = store().list(readQuery(query))
      return { certificates: entries.map(toApiCertificate), next }
    },
  )
  app.post<{ Body: ApiCertificateAdd }>(
    '/v1/certificates',
    { schema: { body: CERTIFICATE_ADD_BODY } },
    async ({ body: { certificates, address, by, check = false } }): Promise<ApiCertificateAddition> => {
      const owner = address === undefined ? null : readAddress(address)
      const { stored, results } = await granted(store().add({ certificates, address: owner, by, check }))
      return { stored, results: results.map(toApiExamined) }
    },
  )
  app.post<{ Body: { of: string; by: string } }>(
    '/v1/certificates/expire',
    { schema: { body: CERTIFICATE_EXPIRE_BODY } },
    async ({ body: { of, by } }): Promise<{ certificates: readonly ApiCertificate[] }> => {
      if (store().list({ of, limit: 1 }).entries.length === 0)
        throw new AdminFailure(404, 'not-found', `There is no certificate of ${of}.`)
      const changed = await granted(store().expire(of, by))
      return { certificates: changed.map(toApiCertificate) }
    },
  )
}

function readQuery({ of, expiringBefore, cursor, limit }: Query) {
  return {
    limit,
    ...(of !== undefined && { of }),
    ...(expiringBefore !== undefined && { expiringBefore: readMoment(expiringBefore) }),
    ...(cursor !== undefined && { after: cursor }),
  }
}

function readAddress(text: string): Address {
  const address = parseAddress(text, { utf8: true })
  if (address === null) throw badRequest(`"${text}" is no address.`)
  return address
}

/** A full or damaged store is a state of this daemon, and no mistake of the request. */
async function granted<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (error instanceof CertificatesRefused) throw new AdminFailure(503, 'certificates-unavailable', error.message)
    throw error
  }
}
