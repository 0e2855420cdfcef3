import type { CertificateEntry, CertificateState, Examined } from '../certificates/contract.ts'

/** A certificate of a recipient, as it travels. Moments are ISO 8601. */
export interface ApiCertificate {
  readonly address: string
  /** SHA-256 over the certificate (DER), lower-case hex. */
  readonly fingerprint: string
  readonly state: CertificateState
  readonly notBefore: string
  readonly notAfter: string
  readonly how: 'added' | 'learnt'
  readonly addedAt: string
  readonly addedBy: string
  readonly withdrawnAt: string | null
  readonly withdrawnBy: string | null
  readonly pem: string
}

export interface ApiCertificatePage {
  readonly certificates: readonly ApiCertificate[]
  readonly next: string | null
}

export interface ApiExaminedCertificate extends Omit<Examined, 'notAfter'> {
  readonly notAfter: string | null
}

/** What became of certificates that were to be added. */
export interface ApiCertificateAddition {
  readonly stored: boolean
  readonly results: readonly ApiExaminedCertificate[]
}

export interface ApiCertificateAdd {
  /** PEM, or base64 of DER. */
  readonly certificates: readonly string[]
  readonly address?: string
  readonly by: string
  /** Only say what would be. */
  readonly check?: boolean
}

const moment = (ms: number): string => new Date(ms).toISOString()
const momentOrNull = (ms: number | null): string | null => (ms === null ? null : moment(ms))

export const toApiCertificate = (entry: CertificateEntry): ApiCertificate => ({
  ...entry,
  notBefore: moment(entry.notBefore),
  notAfter: moment(entry.notAfter),
  addedAt: moment(entry.addedAt),
  withdrawnAt: momentOrNull(entry.withdrawnAt),
})

export const toApiExamined = (examined: Examined): ApiExaminedCertificate => ({
  ...examined,
  notAfter: Number.isFinite(examined.notAfter) ? momentOrNull(examined.notAfter) : null,
})
