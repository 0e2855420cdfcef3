import type { AcceptOptions, ClientOptions, DomainOptions, OutsideOptions, Rates } from '../accept/options.ts'
import type { Client, Config, LocalDomain, Rate } from '../config/index.ts'
import { reportAddresses } from './reports.ts'

/** What accept decides by, from the configuration. */
export function acceptOptions(config: Config): AcceptOptions {
  const { outside, ...limits } = config.limits
  const { waiting: _ofTheListener, ...connections } = limits.connections
  return {
    hostname: config.hostname,
    support: config.support,
    postmaster: config.postmaster,
    ownAddresses: reportAddresses(config),
    clients: config.clients.map(clientOptions),
    domains: new Map([...config.domains].map(([domain, found]) => [domain, domainOptions(found)])),
    recipientCheck: recipientCheck(config),
    outside: outsideOptions(outside),
    connections,
    limits: {
      size: limits.size,
      recipients: limits.recipients,
      headerBytes: limits.headerSize,
      headerFields: limits.headerFields,
      hops: limits.hops,
      ownHops: limits.ownHops,
      memoryBytes: limits.memory,
      remembered: limits.remembered,
    },
    holds: { deadlineMs: config.holds.deadline, afterwards: config.holds.afterwards },
  }
}

function clientOptions(client: Client): ClientOptions {
  const { certificates, mayRelay, rate, burst, recipientRate, ...same } = client
  return { ...same, fingerprints: certificates, relay: mayRelay, rates: rates(rate, burst, recipientRate) }
}

const domainOptions = ({ recipients }: LocalDomain): DomainOptions => ({ recipients: recipients.from })

function recipientCheck({ recipientCheck: check }: Config): AcceptOptions['recipientCheck'] {
  return { knownMs: check.positive, unknownMs: check.negative, unavailable: check.unavailable }
}

function outsideOptions({ rate, burst, recipientRate, reverseDns, penalty, ...same }: Config['limits']['outside']) {
  return {
    ...same,
    rates: rates(rate, burst, recipientRate),
    reverseName: reverseDns,
    penaltyMs: penalty,
  } satisfies OutsideOptions
}

function rates(messages: Rate | null, burst: number | null, recipients: Rate | null): Rates {
  return { messages: messages === null || burst === null ? messages : { ...messages, burst }, recipients }
}
