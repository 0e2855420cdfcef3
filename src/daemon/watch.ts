import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { type Config, expiriesOf } from '../config/index.ts'
import type { DeliverDeps } from '../deliver/options.ts'
import type { Chain } from '../inspect/chain.ts'
import { composeOwn } from '../mail/compose.ts'
import { replyText } from '../mail/reply.ts'
import type { Spool } from '../spool/contract.ts'
import type { OpenSpool } from '../spool/open.ts'
import type { AlarmKind, Finding, OperatorLetter } from '../watch/contract.ts'
import type { SendLetter } from '../watch/mailer.ts'
import type { Watch } from '../watch/open.ts'
import type { WatchOptions } from '../watch/options.ts'
import type { WatchdogPorts } from '../watch/watchdog.ts'
import { certificateAlarms } from './certificates.ts'
import type { OwnMail } from './own-mail.ts'
import { registerAlarms } from './register-alarms.ts'
import type { Rooms } from './rooms.ts'

/** What operators hear of, from the configuration. */
export function watchOptions({ alarms, hostname, postmaster }: Config): WatchOptions {
  const { mailTo, from, gather, repeat, mailsPerHour, look, overdue, surge } = alarms
  return {
    hostname,
    mailTo,
    from: from ?? postmaster,
    gatherMs: gather,
    repeatMs: repeat,
    mailsPerHour,
    lookMs: look,
    overdueMs: overdue,
    surge: { atLeast: surge.atLeast, withinMs: surge.within, factor: surge.factor },
  }
}

/** What the watchdog looks at: the queue, and the rooms that tell of trouble when they are asked. */
export function watchdogPorts(
  spool: Pick<OpenSpool, 'look'>,
  now: () => { readonly config: Config; readonly asked: Asked },
): WatchdogPorts {
  return {
    ask: () => askedAlarms(now().asked),
    look(want) {
      const { lifetime, delayNotice } = now().config.queue
      return spool.look({
        ...want,
        expiredBefore: want.before - lifetime,
        noticeBefore: delayNotice === null ? null : want.before - delayNotice,
      })
    },
  }
}

/** The rooms that have to be asked, as they are now. */
export interface Asked {
  readonly config: Config
  readonly chain: Pick<Chain, 'health'>
  readonly rooms: Pick<Rooms, 'certificates' | 'transport'>
  /** Milliseconds since 1970. */
  readonly now: number
}

/** The kinds of alarm that `askedAlarms` tells, all of them each time. */
export const ASKED: readonly AlarmKind[] = ['scanner', 'certificates', 'secure-domains', 'clear-text']

export function askedAlarms({ config, chain, rooms, now }: Asked): [AlarmKind, Finding[]][] {
  const unwell = chain.health().filter(({ ok }) => !ok)
  return [
    ['scanner', unwell.map(({ plugin, text }) => ({ key: `scanner ${plugin}`, text: `${plugin}: ${text}` }))],
    ['certificates', inOne('certificates', certificateAlarms(rooms.certificates))],
    ['secure-domains', registerFindings(config, now)],
    ['clear-text', inOne('clear-text', rooms.transport.alarms())],
  ]
}

/** One for what has expired and one for what will, so that the former is told although the latter stands. */
function registerFindings(config: Config, now: number): Finding[] {
  const { secureDomains } = config
  if (secureDomains === null) return []
  const ends = (has: boolean) =>
    expiriesOf(secureDomains.entries, now, secureDomains.warnMs).filter(({ entry }) => entry.expiresOn <= now === has)
  return [true, false].flatMap((has) => {
    const entries = new Set(ends(has).map(({ entry }) => entry))
    const some = { ...secureDomains, entries: secureDomains.entries.filter((entry) => entries.has(entry)) }
    return inOne(`secure-domains ${has ? 'expired' : 'expiring'}`, registerAlarms({ secureDomains: some }, now))
  })
}

const inOne = (key: string, [first, ...rest]: readonly string[]): Finding[] => {
  if (first === undefined) return []
  return [{ key, text: rest.length === 0 ? first : `${first}; and ${rest.length} more: postern status` }]
}

/** Hands a letter to each operator by our own mail. One that cannot be sent keeps none of the others back. */
export function lettersBy(ownMail: OwnMail, options: () => WatchOptions, clock: Clock): SendLetter {
  return async (letter) => {
    const { mailTo } = options()
    const sent = await Promise.allSettled(mailTo.map((to) => ownMail.send(letterTo(to, letter, options(), clock))))
    const failed = sent.find((each) => each.status === 'rejected')
    if (failed !== undefined && sent.every(({ status }) => status === 'rejected')) throw failed.reason
  }
}

function letterTo(
  to: WatchOptions['from'],
  { subject, text }: OperatorLetter,
  { from, hostname }: WatchOptions,
  clock: Clock,
) {
  const messageId = `<${randomUUID()}@${hostname}>`
  const content = composeOwn({ from, to: [to], subject, date: clock.now(), messageId, text })
  return { from, to, content }
}

/** The spool as mail comes in: tells of each message that a plugin holds. */
export function tellingHolds(
  spool: Spool,
  watch: Pick<Watch, 'met'>,
): Pick<Spool, 'room' | 'newId' | 'receive' | 'put'> {
  return {
    room: () => spool.room(),
    newId: () => spool.newId(),
    receive: () => spool.receive(),
    async put(message, plans) {
      const stored = await spool.put(message, plans)
      const held = plans.find((plan) => plan.do === 'hold')
      if (held !== undefined) watch.met(heldCause(held.hold, stored.queueId))
      return stored
    },
  }
}

const heldCause = ({ owner, reason }: { readonly owner: string; readonly reason: string }, queueId: string) => ({
  key: owner,
  what: `held by ${owner.replace(':', ' ')}`,
  said: reason,
  queueId,
  act: 'postern queue list --in-state held',
})

/** Tells of each message that a next hop, or the want of one, puts off. */
export function tellingDeferrals(watch: Pick<Watch, 'met'>): NonNullable<DeliverDeps['deferred']> {
  return ({ queueId, nextHop, reply }) => {
    const status = reply.enhanced ?? String(reply.code)
    const by = nextHop === null ? 'before any next hop answered' : `by ${nextHop}`
    watch.met({
      key: `${nextHop ?? 'unreached'} ${status}`,
      what: `deferred ${by} with ${status}`,
      said: replyText(reply),
      queueId,
      act: `postern queue show ${queueId}`,
    })
  }
}
