import type { IncomingMessage } from 'node:http'
import { request } from 'node:https'
import type { LookupFunction } from 'node:net'
import type { Clock } from '../../clock.ts'
import type { HostAddress, Resolver } from '../../net/dns.ts'
import { isLoopback } from '../../net/network.ts'
import type { TlsFailureType } from '../contract.ts'
import { parsePolicy, type StsPolicy } from './policy.ts'

export interface FetchOptions {
  /** 443, but in tests. */
  readonly port: number
  /** PEM of the authorities of policy hosts; null: those of the system. */
  readonly authorities: readonly (string | Buffer)[] | null
  /** For all of it; RFC 8461 section 3.3 suggests a minute at the most. */
  readonly timeoutMs: number
  /** Longest policy that is read. RFC 8461 section 3.3 suggests 64 KiB. */
  readonly maxBytes: number
  /** Whether a policy host may be this very machine: in tests. */
  readonly allowLoopback: boolean
}

export interface Trouble {
  readonly type: TlsFailureType
  readonly text: string
}

export type Fetched =
  | { readonly ok: true; readonly policy: StsPolicy }
  /** `answered`: the policy host is there and says something else than 200 and a text. */
  | { readonly ok: false; readonly trouble: Trouble; readonly answered?: true }

class FetchError extends Error {
  override readonly name = 'FetchError'
  readonly type: TlsFailureType
  readonly answered: boolean
  constructor(type: TlsFailureType, text: string, { answered = false } = {}) {
    super(text)
    this.type = type
    this.answered = answered
  }
}

/** Fetches the policy of a domain, RFC 8461 section 3.3. Never rejects. */
export async function fetchPolicy(
  domain: string,
  options: FetchOptions,
  { resolver, clock }: { resolver: Resolver; clock: Clock },
): Promise<Fetched> {
  const host = `mta-sts.${domain}`
  const late = new AbortController()
  const cancel = clock.after(options.timeoutMs, () => late.abort())
  try {
    const addresses = await addressesOf(host, options, resolver, late.signal)
    const parsed = parsePolicy(await get(host, addresses, options, late.signal))
    return parsed.ok ? parsed : failed('sts-policy-invalid', `the policy of ${domain} is invalid: ${parsed.why}`)
  } catch (error) {
    const inTime = late.signal.aborted ? `no policy from ${host} in ${Math.round(options.timeoutMs / 1000)} s` : null
    const type = error instanceof FetchError ? error.type : webPkiError(error)
    const answer = failed(inTime === null ? type : 'sts-policy-fetch-error', inTime ?? `${host}: ${wordsOf(error)}`)
    return error instanceof FetchError && error.answered ? { ...answer, answered: true } : answer
  } finally {
    cancel()
    // whatever has not ended by now has no reader any more
    late.abort()
  }
}

const failed = (type: TlsFailureType, text: string): Fetched & { readonly ok: false } => ({
  ok: false,
  trouble: { type, text },
})

async function addressesOf(
  host: string,
  { allowLoopback }: FetchOptions,
  resolver: Resolver,
  signal: AbortSignal,
): Promise<readonly HostAddress[]> {
  const answer = await Promise.race([resolver.resolveAddresses(host), aborted(signal)])
  if (answer.is === 'failed')
    throw new FetchError('sts-policy-fetch-error', `the DNS cannot be asked for its address: ${answer.cause}`)
  const records = answer.is === 'found' ? answer.records : []
  const usable = records.filter(({ address }) => allowLoopback || !isLoopback(address))
  if (usable.length === 0) throw new FetchError('sts-policy-fetch-error', 'it has no address')
  return usable.slice(0, 8)
}

const aborted = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(new Error('too late')), { once: true }))

async function get(
  host: string,
  addresses: readonly HostAddress[],
  options: FetchOptions,
  signal: AbortSignal,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>()
  const sent = request(
    {
      host,
      servername: host,
      port: options.port,
      path: '/.well-known/mta-sts.txt',
      headers: { host, accept: 'text/plain', 'user-agent': 'Postern' },
      agent: false,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: true,
      ...(options.authorities === null ? {} : { ca: [...options.authorities] }),
      lookup: lookupIn(addresses),
      maxHeaderSize: 16_384,
      signal,
    },
    resolve,
  )
  sent.on('error', reject)
  sent.end()
  try {
    return await read(check(await promise), options.maxBytes)
  } finally {
    sent.destroy()
  }
}

/** Answers from what our own resolver said. */
const lookupIn =
  (addresses: readonly HostAddress[]): LookupFunction =>
  (_, { all }, callback) => {
    if (all) return callback(null, [...addresses])
    const [first] = addresses
    callback(null, first?.address ?? '', first?.family)
  }

/** RFC 8461 section 3.3: 200 and nothing else, no redirect, text/plain. */
function check(response: IncomingMessage): IncomingMessage {
  const { statusCode = 0, headers } = response
  const type = (headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase()
  const wrong =
    statusCode !== 200 ? `it answers with ${statusCode}` : type !== 'text/plain' ? 'its policy is not text/plain' : null
  if (wrong === null) return response
  response.destroy()
  throw new FetchError('sts-policy-fetch-error', wrong, { answered: true })
}

async function read(response: IncomingMessage, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBytes) throw new FetchError('sts-policy-invalid', `its policy is longer than ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

// what Node and OpenSSL call certificates that do not hold
const CERTIFICATE = /CERT|SELF_SIGNED|ISSUER|LEAF_SIGNATURE|INVALID_CA|INVALID_PURPOSE|PATH_LENGTH|CRL_/

function webPkiError(error: unknown): TlsFailureType {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return CERTIFICATE.test(code) ? 'sts-webpki-invalid' : 'sts-policy-fetch-error'
}

function wordsOf(error: unknown): string {
  if (error instanceof FetchError) return error.message
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return code === '' ? 'it cannot be read' : `it cannot be read (${code})`
}
