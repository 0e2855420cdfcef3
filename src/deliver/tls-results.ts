import type { ClientFailure, ClientSession } from '../smtp/client/contract.ts'
import type { HostDemand, ReportedPolicy, TlsFailureType, TlsResult } from '../transport/contract.ts'
import { failureTypeOf } from '../transport/failure.ts'

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
  if (!isJudged || tls.problem === null) return notedOf(demand)
  return { type: typeOf(tls.problem, tls.error, demand), text: tls.problem }
}

const notedOf = ({ noted }: HostDemand): Failure | null =>
  noted === undefined ? null : { type: 'validation-failure', text: noted }

function fromFailure({ tls, text }: ClientFailure, demand: HostDemand): Failure {
  if (tls?.is === 'not-offered' || tls?.is === 'refused') return { type: 'starttls-not-supported', text }
  if (tls?.is === 'certificate') return { type: typeOf(text, tls.error, demand), text }
  return { type: 'validation-failure', text }
}

/** What authorities say matters only where they are asked: a certificate that DANE or a pin is to prove fails that check. */
function typeOf(text: string, error: string | null, { proves }: HostDemand): TlsFailureType {
  const isForAuthorities = proves === 'pkix' || proves === 'unproven'
  return failureTypeOf({ text, authorizationError: isForAuthorities ? error : null })
}
