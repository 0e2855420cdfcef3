import { X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { type Extensions, readExtensions } from './extensions.ts'

/** A certificate that may sign others. */
interface Issuer {
  readonly x509: X509Certificate
  readonly extensions: Extensions
}

interface Search {
  readonly now: number
  /** Signatures that may still be looked at: certificates that all sign one another have chains without number. */
  left: number
}

const MOST_CHECKS = 30
const MOST_FILE_BYTES = 4 * 1024 * 1024
const MOST_BYTES = 16 * 1024
const LONGEST = 6
const MOST_BETWEEN = 20
const BLOCK = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g

/** Authorities that chains must end in. */
export class Authorities {
  readonly #roots: readonly Issuer[]

  constructor(pem: readonly string[]) {
    this.#roots = pem.map(issuer)
  }

  static none(): Authorities {
    return new Authorities([])
  }

  /** Reads a file of PEM. Rejects with Error, in words, if there is anything that is no authority's certificate. */
  static async read(file: string): Promise<Authorities> {
    try {
      const { size } = await stat(file)
      if (size > MOST_FILE_BYTES) throw new Error(`it is larger than ${MOST_FILE_BYTES} bytes`)
      const blocks = (await readFile(file, 'latin1')).match(BLOCK) ?? []
      if (blocks.length === 0) throw new Error('it holds no certificate in PEM')
      return new Authorities(blocks)
    } catch (error) {
      throw new Error(`certificates.authorities: ${file}: ${(error as Error).message}`)
    }
  }

  get size(): number {
    return this.#roots.length
  }

  /**
   * Null if a chain leads from the certificate to an authority, all of it valid at `now`; otherwise why not,
   * in words. Whether one of them was revoked is not asked.
   */
  refusal(leaf: X509Certificate, between: readonly string[], now: number): string | null {
    if (this.#roots.length === 0) return 'no authorities are configured (certificates.authorities)'
    const others = between.slice(0, MOST_BETWEEN).flatMap((pem) => readable(pem))
    const found = this.#leads(leaf, others, { now, left: MOST_CHECKS }, 0)
    return found ? null : 'no valid chain leads from it to an authority of ours'
  }

  /** `depth`: certificates between this one and the leaf, RFC 5280 section 4.2.1.9. */
  #leads(x509: X509Certificate, between: readonly Issuer[], search: Search, depth: number): boolean {
    if (depth >= LONGEST) return false
    if (this.#roots.some((root) => signed(root, x509, search, depth))) return true
    return between.some((next, i) => {
      if (!signed(next, x509, search, depth)) return false
      return this.#leads(next.x509, between.toSpliced(i, 1), search, depth + 1)
    })
  }
}

function issuer(pem: string): Issuer {
  const found = readable(pem)[0]
  if (found === undefined) throw new Error('a certificate in it cannot be read')
  if (!found.x509.ca) throw new Error(`${found.x509.subject.replaceAll('\n', ', ')} is not an authority`)
  return found
}

function readable(pem: string): Issuer[] {
  if (pem.length > 2 * MOST_BYTES) return []
  try {
    const x509 = new X509Certificate(pem)
    return [{ x509, extensions: readExtensions(x509.raw) }]
  } catch {
    return []
  }
}

/** RFC 5280 section 6.1, without policies. Constraints on names count as one that nobody understands. */
function signed({ x509, extensions }: Issuer, subject: X509Certificate, search: Search, depth: number): boolean {
  const { now } = search
  const { keyUsage, pathLength, notUnderstood } = extensions
  const may = x509.ca && (keyUsage === null || keyUsage.includes('keyCertSign')) && notUnderstood.length === 0
  if (!may || (pathLength !== null && pathLength < depth)) return false
  if (!isValid(x509, now) || !isValid(subject, now) || isWeak(subject)) return false
  return subject.checkIssued(x509) && search.left-- > 0 && verifies(subject, x509)
}

const isValid = ({ validFrom, validTo }: X509Certificate, now: number): boolean =>
  Date.parse(validFrom) <= now && now < Date.parse(validTo)

/** Others can be made that have the same hash. */
const isWeak = ({ signatureAlgorithm }: X509Certificate): boolean =>
  /md[245]|sha-?1(?!\d)/i.test(signatureAlgorithm ?? '')

function verifies(subject: X509Certificate, by: X509Certificate): boolean {
  try {
    return subject.verify(by.publicKey)
  } catch {
    return false
  }
}
