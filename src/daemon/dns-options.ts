import { type Config, formatHostPort } from '../config/index.ts'
import type { DnsOptions } from '../net/dns-resolver.ts'

/** How the DNS is asked, from the configuration. */
export const dnsOptions = ({ dns }: Config): DnsOptions => ({
  servers: dns.servers.map(formatHostPort),
  validating: dns.validating,
  timeoutMs: dns.timeout,
  tries: dns.attempts,
  deadlineMs: dns.deadline,
  cache: { entries: dns.cache, maxTtl: dns.maxTtl / 1000, maxNegativeTtl: dns.negativeTtl / 1000 },
})
