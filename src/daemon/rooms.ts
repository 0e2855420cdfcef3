import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { type Accept, createAccept } from '../accept/accept.ts'
import { dnsNames } from '../accept/dns-names.ts'
import type { Certificates } from '../certificates/contract.ts'
import type { Clock } from '../clock.ts'
import { type Config, reserveBytes } from '../config/index.ts'
import { makeFolder } from '../db/folder.ts'
import { createDeliver, type Deliver } from '../deliver/deliver.ts'
import type { Chain } from '../inspect/chain.ts'
import { WorkerPool } from '../inspect/pool/pool.ts'
import type { Ledger } from '../ledger/contract.ts'
import { openLedger } from '../ledger/open.ts'
import type { OnFreed } from '../mail/content.ts'
import type { Resolver } from '../net/dns.ts'
import { createResolver } from '../net/dns-resolver.ts'
import type { LogSink } from '../observe/log.ts'
import { createMetrics, type MetricsRegistry } from '../observe/registry.ts'
import { type OpenSpool, openSpool } from '../spool/open.ts'
import type { Transport } from '../transport/open.ts'
import { openWatch, type Watch } from '../watch/open.ts'
import { acceptOptions } from './accept-options.ts'
import { certificatesOf } from './certificates.ts'
import { chainOf } from './chain.ts'
import { deliverOptions } from './deliver-options.ts'
import { dnsOptions } from './dns-options.ts'
import { EarlyAlarms } from './early-alarms.ts'
import { HeldCheck } from './held-check.ts'
import { ledgerOptions } from './ledger-options.ts'
import { Listeners } from './listeners.ts'
import { MemoryWatch, memoryOptions } from './memory-watch.ts'
import type { OwnMail } from './own-mail.ts'
import { Publisher } from './publish.ts'
import { CurrentRecipients } from './recipients.ts'
import { Reporting } from './reporting.ts'
import { lookForLoss } from './spool-behind.ts'
import { transportOf } from './transport-options.ts'
import { tellingDeferrals, tellingHolds, watchOptions } from './watch.ts'

/** What a relay finds around it. */
export interface Outside {
  readonly sink: LogSink
  readonly clock: Clock
  /** For tests: memory of content that will be used again. */
  readonly freed?: OnFreed
}

/** The rooms of a running relay. */
export interface Rooms {
  readonly metrics: MetricsRegistry
  readonly ledger: Ledger
  readonly spool: OpenSpool
  readonly deliver: Deliver
  readonly resolver: Resolver
  readonly transport: Transport
  readonly reporting: Reporting
  readonly ownMail: OwnMail
  readonly watch: Watch
  readonly pool: WorkerPool
  readonly certificates: Certificates
  readonly chain: Chain
  readonly heldCheck: HeldCheck
  readonly recipients: CurrentRecipients
  readonly accept: Accept
  readonly listeners: Listeners
  readonly memory: MemoryWatch
  readonly publisher: Publisher
}

/** Opens everything that a relay is made of, in an order in which each finds what it needs. Nothing listens yet. */
export async function openRooms(config: Config, { sink, clock, freed }: Outside): Promise<Rooms> {
  const metrics = createMetrics({ process: true })
  const seams = { log: sink.log, metrics, clock }
  await makeFolder(config.state.dir, 0o750)
  // First the spool: on a full disk it can make room for the others
  const journalAfter = lookForLoss(config, seams.log) ?? 0
  const early = new EarlyAlarms()
  const spool = await openSpool(
    { ...(await spoolOptions(config)), ...(freed && { freed }), journalAfter },
    { ...seams, alarms: early },
  )
  const watch = await openWatch(join(config.state.dir, 'alarms.json'), watchOptions(config), seams)
  const alarms = early.use(watch.alarms)
  const ledger = await openLedger(ledgerOptions(config, seams.log), { ...seams, alarms })
  spool.connectJournal(ledger.connect())
  const resolver = createResolver(dnsOptions(config), clock)
  const reporting = await Reporting.open(config, { ...seams, resolver })
  const transport = await transportOf(config, { ...seams, resolver })
  const heldCheck = new HeldCheck(seams)
  const deliver = createDeliver(deliverOptions(config, []), {
    ...seams,
    alarms,
    deferred: tellingDeferrals(watch),
    spool,
    resolver,
    security: transport,
    store: reporting.reports.store,
    tlsResults: reporting.reports.tlsResults,
    holdAgain: heldCheck.holdAgain,
  })
  const pool = new WorkerPool({}, seams)
  const { planner, ownMail } = reporting.start(config, { spool, deliver, pool })
  const certificates = await certificatesOf(config, seams)
  const chain = await chainOf(config, seams, { resolver, pool, reporting, certificates })
  heldCheck.use(chain)
  const recipients = new CurrentRecipients(config)
  const memory = new MemoryWatch(memoryOptions(config), { ...seams, alarms })
  const accept = createAccept(acceptOptions(config), {
    ...seams,
    spool: tellingHolds(spool, watch),
    planner,
    chain,
    recipientList: recipients,
    recipientLookup: deliver,
    names: dnsNames(resolver),
    memory,
  })
  const listeners = new Listeners(() => accept.handler(), { ...seams, ...(freed && { freed }), memory })
  const publisher = new Publisher(seams)
  const beside = { metrics, memory, ledger, spool, certificates, resolver, transport, pool, watch, ownMail }
  return { ...beside, deliver, reporting, chain, heldCheck, recipients, accept, listeners, publisher }
}

async function spoolOptions({ state, spool }: Config) {
  await makeFolder(state.spool, 0o700)
  const { bsize, blocks } = await statfs(state.spool)
  return {
    path: state.spool,
    contentInRowBytes: spool.contentInRow,
    writeBufferBytes: spool.writeMemory,
    freshBytes: spool.freshMemory,
    readBufferBytes: spool.readMemory,
    reserveBytes: reserveBytes(spool.reserve, bsize * blocks),
  }
}
