import { request } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { Resolver } from '../../net/dns.ts'
import { isPublic } from '../../net/public-address.ts'

export interface PostOptions {
  readonly resolver: Pick<Resolver, 'resolveAddresses'>
  readonly timeoutMs: number
  /** A domain's record may name any host: without this, none of a private network is reached. */
  readonly privateAddresses: boolean
  /** Authorities in place of the system's. */
  readonly ca?: string
}

/**
 * Posts a TLS report (RFC 8460 section 5.4). Resolves when it was taken; rejects with what went wrong. Follows
 * no redirection and reads nothing of the answer but its status. The certificate must be valid: the section
 * lets it be ignored, but a report tells an attacker whom we write to.
 */
export function postReport(url: URL, body: Buffer, options: PostOptions): Promise<void> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !mayReach(host, options)) return Promise.reject(new Error(`${host} is a private address`))
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      {
        method: 'POST',
        agent: false,
        headers: { 'content-type': 'application/tlsrpt+gzip', 'content-length': body.length },
        lookup: lookupBy(options),
        minVersion: 'TLSv1.2',
        signal: AbortSignal.timeout(options.timeoutMs),
        ...(options.ca !== undefined && { ca: options.ca }),
      },
      ({ statusCode = 0 }) => {
        sent.destroy()
        if (statusCode >= 200 && statusCode < 300) resolve()
        else reject(new Error(`the server answered ${statusCode}`))
      },
    )
    sent.on('error', reject)
    sent.end(body)
  })
}

/** Names by our own resolver, and only addresses that may be reached: between question and connection nothing can change. */
function lookupBy(options: PostOptions): LookupFunction {
  return (hostname, { all }, done) => {
    void options.resolver.resolveAddresses(hostname).then((answer) => {
      const found = answer.is === 'found' ? answer.records : []
      const allowed = found.filter(({ address }) => mayReach(address, options))
      const [first] = allowed
      if (first === undefined)
        done(new Error(`${hostname} ${found.length > 0 ? 'has private addresses only' : 'has no address'}`), [])
      else if (all === true) done(null, [...allowed])
      else done(null, first.address, first.family)
    })
  }
}

const mayReach = (address: string, { privateAddresses }: PostOptions): boolean => privateAddresses || isPublic(address)
