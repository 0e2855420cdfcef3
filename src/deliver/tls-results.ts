import type { ClientFailure, ClientSession } from '../smtp/client/contract.ts'
import type { HostDemand, ReportedPolicy, TlsFailureType, TlsResult } from '../transport/contract.ts'

type Failure = NonNullable<TlsResult['failure']>

/** How an attempt at a session went, for a TLS report. */
export type TlsCourse =
  | { readonly session: ClientSession; readonly fellBack: ClientFailure | null }
  | { readonly session: null; readonly failure: ClientFailure }

/** Whether the course of a session tells something about TLS at all: a host that does not answer says nothing. */
export const tellsOfTls = (course: TlsCourse): boolean => course.session !== null || course.failure.phase === 'tls'

/** What was wrong with the security of a session, or null. */
export function failureOfTls(
  course: TlsCourse,
  demand: HostDemand,
  policies: readonly ReportedPolicy[],
): Failure | null {
  if (course.session === null) return fromFailure(course.failure, demand)
  if (course.fellBack !== null) return fromFailure(course.fellBack, demand)
  const { tls } = course.session
  if (tls === null) return { type: 'starttls-not-supported', text: 'STARTTLS is not offered' }
  // A policy that is only being tried (RFC 8461 section 5) is judged all the same
  const isJudged = demand.tls.verify !== null || policies.some(({ type }) => type === 'sts')
  if (!isJudged || tls.problem === null) return null
  return { type: typeOf(tls.error ?? '', demand), text: tls.problem }
}

function fromFailure({ tls, text }: ClientFailure, demand: HostDemand): Failure {
  if (tls?.is === 'not-offered' || tls?.is === 'refused') return { type: 'starttls-not-supported', text }
  if (tls?.is === 'certificate') return { type: typeOf(tls.error ?? '', demand), text }
  return { type: 'validation-failure', text }
}

const CERTIFICATE: Readonly<Record<string, TlsFailureType>> = {
  CERT_HAS_EXPIRED: 'certificate-expired',
  CERT_NOT_YET_VALID: 'certificate-expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'certificate-host-mismatch',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'certificate-not-trusted',
  SELF_SIGNED_CERT_IN_CHAIN: 'certificate-not-trusted',
  UNABLE_TO_GET_ISSUER_CERT: 'certificate-not-trusted',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'certificate-not-trusted',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'certificate-not-trusted',
  CERT_UNTRUSTED: 'certificate-not-trusted',
  INVALID_CA: 'certificate-not-trusted',
}

/** What authorities say matters only where they are asked: a certificate that DANE or a pin is to prove fails that check. */
const typeOf = (error: string, { proves }: HostDemand): TlsFailureType =>
  proves === 'pkix' || proves === 'unproven' ? (CERTIFICATE[error] ?? 'validation-failure') : 'validation-failure'
