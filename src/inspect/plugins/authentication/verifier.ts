import {
  type BodyHasher,
  DkimVerifier,
  type ParsedField,
  type ParsedHeader,
  type Resolver,
  type Signature,
} from 'mailauth/lib/dkim/dkim-verifier.js'
import { BodyHash } from '../../dkim/body.ts'
import { rawFields } from '../../dkim/header.ts'
import type { PublicKeys } from './key-cache.ts'

/** How much of a message's signatures is looked at. */
export interface VerifyLimits {
  /** DKIM signatures. */
  readonly signatures: number
  /** Sets of an ARC chain. */
  readonly arcSets: number
  /** Bytes of one DKIM or ARC field. */
  readonly fieldBytes: number
  readonly minRsaBits: number
}

export const NOT_EXAMINED = 'not examined'

/**
 * mailauth's verifier (strict: RFC 6376, 8301, 8463, 8617 to the letter), driven without its
 * stream: the header is parted in linear time, bodies are hashed by our own BodyHash, parsed keys
 * are kept from one message to the next, and only so many signatures are looked at.
 */
export class Verifier extends DkimVerifier {
  readonly #limits: VerifyLimits
  #examined: ReadonlySet<Signature> | null = null

  constructor(resolver: Resolver, keys: PublicKeys, limits: VerifyLimits, now: number) {
    // a sender, so that no Return-Path of the message is believed
    super({ resolver, strict: true, minBitLength: limits.minRsaBits, curTime: now, sender: 'postmaster@invalid' })
    this.#limits = limits
    const cache = keys.forMessage(resolver)
    this.keyCache = cache
    Object.defineProperty(this.arc, 'keyCache', { value: cache, configurable: true })
  }

  async begin(header: Buffer): Promise<void> {
    const headers = parseForMailauth(header, this.#limits.fieldBytes)
    if (countSets(headers) > this.#limits.arcSets) {
      const found = headers.parsed.map((field) => (isArc(field) ? { ...field, key: NO_KEY } : field))
      await this.#read({ ...headers, parsed: found })
      this.arc.error = Object.assign(new Error(`more than ${this.#limits.arcSets} ARC sets`), {
        code: 'invalid_arc_count',
      })
    } else {
      await this.#read(headers)
    }
  }

  #read(headers: ParsedHeader): Promise<void> {
    this.headers = headers
    return this.messageHeaders(headers)
  }

  /** Signatures of the author's domain first, then those on top. */
  #choose(): ReadonlySet<Signature> {
    const authors = this.headerFrom.map((address) => address.slice(address.lastIndexOf('@') + 1).toLowerCase())
    const isAuthors = ({ parsed }: Signature) => {
      const domain = String(parsed?.d?.value ?? '').toLowerCase()
      return domain !== '' && authors.some((author) => author === domain || author.endsWith(`.${domain}`))
    }
    const found = this.signatureHeaders.filter(({ type }) => type === 'DKIM')
    const ordered = [...found.filter(isAuthors), ...found.filter((signature) => !isAuthors(signature))]
    return new Set(ordered.slice(0, this.#limits.signatures))
  }

  override prepareSignature(signature: Signature): void {
    this.#examined ??= this.#choose()
    if (signature.type !== 'DKIM' || this.#examined.has(signature)) {
      super.prepareSignature(signature)
      return
    }
    signature.skip = NOT_EXAMINED
    signature.signingDomain = String(signature.parsed?.d?.value ?? '')
    signature.selector = String(signature.parsed?.s?.value ?? '')
  }

  override addBodyHash(canon: 'simple' | 'relaxed', algorithm: 'sha256' | 'sha1', maxLength: number | ''): string {
    const name = `${canon}:${algorithm}:${maxLength}`
    if (!this.bodyHashes.has(name)) {
      this.bodyHashes.set(name, new Hasher(new BodyHash(canon, algorithm, maxLength === '' ? Infinity : maxLength)))
    }
    return name
  }
}

/** Our hash in mailauth's clothes. */
class Hasher implements BodyHasher {
  readonly #body: BodyHash
  byteLength = 0
  hash?: string

  constructor(body: BodyHash) {
    this.#body = body
  }

  get bodyHashedBytes(): number {
    return this.#body.hashed
  }

  get canonicalizedLength(): number {
    return this.#body.length
  }

  update(piece: Buffer): void {
    this.byteLength += piece.length
    this.#body.update(piece)
  }

  digest(): string {
    return this.#body.digest()
  }

  setContentType(): void {}

  getMimeStructureStart(): number {
    return 0
  }
}

/** No field can have this name. */
const NO_KEY = ':'
const SIGNATURES = /^(?:dkim-signature|arc-.*)$/
// mailauth's time over one field grows with the square of the longest white space in it
const LONG_SPACE = /[ \t\r\n]{200}/

const isArc = ({ key }: ParsedField): boolean => key.startsWith('arc-')

const countSets = ({ parsed }: ParsedHeader): number => parsed.filter(({ key }) => key === 'arc-seal').length

/** The header in the shape of mailauth's parser. Signatures that would take it too long have no name there. */
function parseForMailauth(header: Buffer, fieldBytes: number): ParsedHeader {
  const parsed = rawFields(header).map(({ name, text }): ParsedField => {
    const key = name.toLowerCase()
    const skip = SIGNATURES.test(key) && (text.length > fieldBytes || LONG_SPACE.test(text))
    return { key: skip ? NO_KEY : key, casedKey: name, line: Buffer.from(text, 'latin1') }
  })
  return { parsed, original: header }
}
