/** The parts of mailauth 7.1 that are used here; the package types only its front door. */

declare module 'mailauth/lib/dkim/dkim-verifier.js' {
  export interface ParsedField {
    /** Lower case. */
    key: string
    casedKey: string
    /** Without its last CRLF. */
    line: Buffer
  }

  export interface ParsedHeader {
    parsed: ParsedField[]
    original: Buffer
  }

  export interface Tags {
    [tag: string]: { value: string | number } | undefined
  }

  export interface Signature {
    type: 'DKIM' | 'ARC'
    parsed?: Tags
    skip?: string
    signingDomain: string
    selector: string
    [more: string]: unknown
  }

  export interface BodyHasher {
    update(piece: Buffer): void
    digest(encoding: string): string
    setContentType(type: unknown): void
    getMimeStructureStart(): number
    hash?: string
    readonly bodyHashedBytes: number
    readonly canonicalizedLength: number
    readonly byteLength: number
  }

  export interface SignatureStatus {
    result: string
    comment?: string | false
    underSized?: number
    testing?: boolean
    policy?: Record<string, string>
    header?: Record<string, string | false | undefined>
  }

  export interface SignatureResult {
    status: SignatureStatus
    signingDomain?: string
    selector?: string
    info: string
  }

  export interface ArcSet {
    i: number
    'arc-seal'?: { parsed?: Tags }
    'arc-authentication-results'?: { parsed?: AuthenticationResults }
  }

  export interface AuthenticationResults {
    dmarc?: { value?: string; header?: { from?: string } }
  }

  export interface ArcData {
    chain: ArcSet[] | false
    lastEntry?: ArcSet
    error?: unknown
    keyCache: KeyCache
  }

  export interface KeyCache {
    readonly resolver: Resolver
    get(
      type: string,
      name: string,
      minBitLength: number | undefined,
      options?: { strict?: boolean; hashAlgo?: string },
    ): Promise<PublicKey>
  }

  export type Resolver = (name: string, type: string) => Promise<unknown[]>

  export interface PublicKey {
    /** PEM; whatever `crypto.verify` takes serves as well. */
    publicKey: unknown
    [more: string]: unknown
  }

  export class DkimVerifier {
    constructor(options: {
      resolver: Resolver
      strict: boolean
      minBitLength: number
      curTime: number
      sender?: string
    })
    headers: ParsedHeader
    signatureHeaders: Signature[]
    bodyHashes: Map<string, BodyHasher>
    headerFrom: string[]
    fromFields: number
    results: SignatureResult[]
    arc: ArcData
    keyCache: KeyCache
    messageHeaders(headers: ParsedHeader): Promise<void>
    prepareSignature(signature: Signature): void
    addBodyHash(canon: 'simple' | 'relaxed', algorithm: 'sha256' | 'sha1', maxLength: number | ''): string
    nextChunk(piece: Buffer): Promise<void>
    finalChunk(): Promise<void>
  }
}

declare module 'mailauth/lib/arc/index.js' {
  import type { ArcData, Resolver, SignatureStatus } from 'mailauth/lib/dkim/dkim-verifier.js'
  export function arc(
    data: ArcData,
    options: { resolver: Resolver; minBitLength: number; strict: boolean; ip?: string },
  ): Promise<{ status: SignatureStatus; i?: number | false; info?: string }>
}

declare module 'mailauth/lib/tools.js' {
  import type { PublicKey, Resolver } from 'mailauth/lib/dkim/dkim-verifier.js'
  export function getPublicKey(
    type: string,
    name: string,
    minBitLength: number | undefined,
    resolver: Resolver,
    options?: { strict?: boolean; hashAlgo?: string },
  ): Promise<PublicKey>
  export function toALabel(name: string): string
  export function formatAuthHeaderRow(
    method: string,
    status: { result: string; comment?: string | false | undefined; [ptype: string]: unknown },
    options: { strict: boolean },
  ): string
}

declare module 'mailauth/lib/spf/index.js' {
  import type { Resolver } from 'mailauth/lib/dkim/dkim-verifier.js'
  export function spf(options: {
    sender: string
    ip: string
    helo: string
    mta: string
    resolver: Resolver
    strict: boolean
    maxResolveCount?: number
    maxVoidCount?: number
    maxElapsedTime?: number
  }): Promise<{
    domain: string
    explanation?: string
    status: { result: string; comment?: string | false; smtp?: Record<string, string> }
  }>
}

declare module 'mailauth/lib/dmarc/index.js' {
  import type { Resolver } from 'mailauth/lib/dkim/dkim-verifier.js'
  export interface DmarcResponse {
    status: { result: string; comment?: string | false; header?: { from: string }; policy?: { dmarc: string } }
    domain: string
    policy?: 'none' | 'quarantine' | 'reject'
    /** Where the record stands. */
    policyDomain?: string
    p?: string
    sp?: string
    /** Its tags as they stand there. */
    record?: Readonly<Record<string, string | undefined>>
    alignment?: {
      spf: { result: string | undefined; strict: boolean }
      dkim: { result: string | undefined; strict: boolean }
    }
    info: string
  }
  export function evaluateDmarc(options: {
    headerFrom: readonly string[]
    fromFields: number
    spfDomains: readonly string[]
    dkimDomains: readonly { domain: string; aligned?: string; underSized?: number }[]
    resolver: Resolver
    strict: boolean
  }): Promise<{ response: DmarcResponse | false; reason?: string; authorDomains?: string[] }>
}
