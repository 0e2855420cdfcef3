import type { TlsFailureType } from './contract.ts'

/** What is known of a session that did not become secure. `ClientFailure` and `ClientTlsFacts` have it. */
export interface TlsFailureFacts {
  /** In words, or as a code of OpenSSL or Node: whatever there is. */
  readonly text: string
  /** The code that Node gave the certificate, or null. */
  readonly authorizationError?: string | null
}

const TYPES: readonly (readonly [RegExp, TlsFailureType])[] = [
  [/STARTTLS.{0,200}(not offered|refused)|starttls-not-supported/i, 'starttls-not-supported'],
  [/CERT_HAS_EXPIRED|CERT_NOT_YET_VALID|has expired|not valid yet/, 'certificate-expired'],
  [/ALTNAME_INVALID|HOSTNAME_MISMATCH|it is (for|not for) /, 'certificate-host-mismatch'],
  [
    /SELF_SIGNED|UNABLE_TO_(GET|VERIFY)|CERT_UNTRUSTED|INVALID_CA|trusted (here|authority)|vouches for itself/,
    'certificate-not-trusted',
  ],
]

/** The kind of failure as a TLS report names it, RFC 8460 section 4.3. What is not known is `validation-failure`. */
export function failureTypeOf({ text, authorizationError = null }: TlsFailureFacts): TlsFailureType {
  const known = [authorizationError ?? '', text].flatMap((each) => TYPES.filter(([shape]) => shape.test(each)))
  return known[0]?.[1] ?? 'validation-failure'
}
