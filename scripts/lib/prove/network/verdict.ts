import type { FaultProxy } from '../../../../test/support/fault-proxy.ts'
import type { Promised, Proof, Table } from '../part.ts'
import { LONGEST, TIME_OUTS, timeOut } from './config.ts'
import { grownKinds } from './holdings.ts'
import { DESCRIPTORS_APART, type Round } from './round.ts'

const MIB = 2 ** 20
/** A heap that has grown by less is no leak: caches, code, and what the last messages left. */
const HEAP_APART = 12 * MIB
/** The process keeps what malloc does not give back. */
const RSS_APART = 96 * MIB
const TIMERS_APART = 10

/** Tables and promises of all rounds. */
export function verdict(rounds: readonly Round[]): Proof {
  return {
    tables: [faultTable(rounds), mailTable(rounds), holdingTable(rounds), timeOutTable()],
    promises: [...mailPromises(rounds), ...otherPromises(rounds)],
    notes: [
      'Each fault happens to one connection, or one question to the DNS, at a byte that the seed chooses.',
      'Clamd and Rspamd are the real ones. Garbage goes to where nobody could take it for what was sent: a network that alters bytes unseen is kept out by TLS alone.',
    ],
  }
}

/** What the waits of a pair come to; null for the questions over UDP, where no connection is kept. */
function longestOf(pair: string): (typeof LONGEST)[string] | null {
  const name = /^stranger|^client/.test(pair) ? 'client' : /^LMTP|^next hop/.test(pair) ? 'next hop' : pair
  return LONGEST[name.replace(/ \(\d\)$/, '')] ?? null
}

/** A busy machine sees late what is over. */
const LATE_S = 3

/** Connections that went silent and were kept for longer than their keys say. */
function tooLong(rounds: readonly Round[]): string[] {
  const silent = rounds.flatMap(({ stage }) =>
    Object.entries(stage.proxies).flatMap(([pair, { tally }]) => {
      const [most, sum] = longestOf(pair) ?? [Number.NaN, 'no key']
      const seconds = tally.longestMs / 1000
      return seconds <= most + LATE_S ? [] : [`${pair}: ${seconds.toFixed(1)} s, not ${most} s: ${sum}`]
    }),
  )
  const deaf = rounds.flatMap(({ deafMs }) =>
    Object.entries(deafMs).flatMap(([where, ms]) => {
      const most = timeOut(where === 'operator' ? 'admin.timeouts.answer' : 'metrics.timeouts.answer')
      return ms <= most + LATE_S * 1000 ? [] : [`${where}: ${Math.round(ms)} ms for a peer that reads nothing`]
    }),
  )
  return [...silent, ...deaf]
}

const total = (rounds: readonly Round[], count: (round: Round) => number): number =>
  rounds.reduce((sum, round) => sum + count(round), 0)

function faultTable(rounds: readonly Round[]): Table {
  const pairs = rounds.flatMap(({ stage, resolver }) => [
    ...Object.entries(stage.proxies).map(([pair, { tally }]) => ({
      pair,
      seen: tally.connections,
      faults: tally.faults,
      longest: tally.longestMs,
    })),
    { pair: `DNS, ${resolver}`, seen: stage.dns.questions, faults: stage.dns.faults, longest: 0 },
  ])
  const names = [...new Set(pairs.map(({ pair }) => pair))]
  const rows = names.map((name) => {
    const same = pairs.filter(({ pair }) => pair === name)
    const kinds = new Map<string, number>()
    for (const { faults } of same) for (const [kind, n] of faults) kinds.set(kind, (kinds.get(kind) ?? 0) + n)
    const sum = [...kinds.values()].reduce((a, b) => a + b, 0)
    const text = [...kinds]
      .sort()
      .map(([kind, n]) => `${kind} ${n}`)
      .join(', ')
    const longest = Math.max(...same.map((each) => each.longest)) / 1000
    const most = longestOf(name)?.[0] ?? ''
    return [name, same.reduce((a, each) => a + each.seen, 0), sum, longest === 0 ? '' : longest.toFixed(1), most, text]
  })
  return {
    title: 'Faults',
    columns: ['between Postern and', 'connections', 'faults', 'longest silence, s', 'by its keys', 'kinds'],
    rows,
  }
}

const mailTable = (rounds: readonly Round[]): Table => ({
  title: 'Mail',
  columns: [
    'with',
    'faults',
    'begun',
    'acknowledged',
    'arrived',
    'twice',
    'lost',
    'altered',
    'unscanned',
    'seconds',
    'then until all was out',
  ],
  rows: rounds.map(({ resolver, faults, account, foulSeconds, drainSeconds }) => [
    ...[resolver, faults, account.begun.size, account.acknowledged.size, account.arrived.size, account.twice],
    ...[account.lost.length, account.altered.length, account.unscanned.length + account.viruses],
    ...[Math.round(foulSeconds), Math.round(drainSeconds)],
  ]),
})

const mib = (bytes: number): string => (bytes / MIB).toFixed(1)

const holdingTable = (rounds: readonly Round[]): Table => ({
  title: 'What the daemon holds when it is idle, before → after',
  columns: ['with', 'sockets', 'descriptors', 'timers', 'heap, MiB', 'buffers, MiB', 'process, MiB', 'files'],
  rows: rounds.map(({ resolver, before, after }) => [
    resolver,
    `${before.sockets} → ${after.sockets}`,
    `${before.descriptors} → ${after.descriptors}`,
    `${before.timers} → ${after.timers}`,
    `${mib(before.heap)} → ${mib(after.heap)}`,
    `${mib(before.external)} → ${mib(after.external)}`,
    `${mib(before.rss)} → ${mib(after.rss)}`,
    `${before.files.length} → ${after.files.length}`,
  ]),
})

const timeOutTable = (): Table => ({
  title: 'Every wait has a key',
  columns: ['for', 'while', 'key', 'here'],
  rows: TIME_OUTS,
})

/** Pairs in which garbage goes into clear text, before STARTTLS. */
const GARBLING = ['client', 'stranger', 'client, PROXY'] as const

const garbageOf = ({ tally }: FaultProxy): number => tally.faults.get('garbage') ?? 0

function mailPromises(rounds: readonly Round[]): readonly Promised[] {
  const lost = rounds.flatMap(({ account }) => account.lost)
  const unscanned = rounds.flatMap(({ account }) => account.unscanned)
  const viruses = total(rounds, ({ account }) => account.viruses + account.virusesAcknowledged)
  const altered = rounds.flatMap(({ account }) => account.altered)
  const garbled = total(rounds, ({ account }) => account.garbledArrived)
  const garbage = total(rounds, ({ stage }) => GARBLING.reduce((sum, pair) => sum + garbageOf(stage.proxies[pair]), 0))
  const notices = total(rounds, ({ account }) => account.notices)
  const refusals = rounds.flatMap(({ account }) => [...account.refusals])
  return [
    promise('No acknowledged message is lost.', lost),
    promise('No message is altered.', altered),
    {
      text: 'What the network itself garbles on its way in is never confirmed to the client.',
      kept: garbled <= garbage,
      detail: `${garbled} arrived so, of ${garbage} faults`,
    },
    promise('Nothing is delivered that the virus scanner was not given.', unscanned),
    { text: 'No virus is acknowledged or delivered.', kept: viruses === 0, detail: `${viruses}` },
    { text: 'No fault returns a message to its sender.', kept: notices === 0, detail: `${notices} notices` },
    promise(
      'No fault makes a refusal permanent.',
      refusals.map(([text, times]) => `${text} (${times})`),
    ),
    {
      text: 'When the faults stop, everything goes out.',
      kept: rounds.every(({ drained }) => drained),
      detail: rounds.map(({ drainSeconds }) => `${Math.round(drainSeconds)} s`).join(', '),
    },
  ]
}

function otherPromises(rounds: readonly Round[]): readonly Promised[] {
  const overdue = rounds.flatMap(({ stage }) =>
    Object.entries(stage.proxies).flatMap(([pair, { tally }]) => tally.overdue.map((what) => `${pair}: ${what}`)),
  )
  const crashes = rounds.flatMap(({ crashes, alive }) => [...crashes, ...(alive ? [] : ['the daemon has ended'])])
  const added = rounds.flatMap(({ before, after }) => after.files.filter((file) => !before.files.includes(file)))
  const grown = (most: number, of: (held: Round['after']) => number) =>
    rounds
      .filter(({ before, after }) => of(after) > of(before) + most)
      .map(({ before, after }) => `${of(before)} → ${of(after)}`)
  return [
    promise('Nothing waits for ever: what is dead is given up.', overdue),
    promise('Nothing that went silent is kept for longer than its keys say.', tooLong(rounds)),
    promise(
      'When the faults stop, whoever asks over HTTP is answered.',
      rounds.flatMap(({ unanswered }) => unanswered),
    ),
    promise('Nothing that fails brings the daemon down.', crashes),
    promise(
      'No socket or file stays open.',
      rounds
        .filter(({ before, after }) => after.descriptors > before.descriptors + DESCRIPTORS_APART)
        .map(({ before, after }) => `${before.descriptors} → ${after.descriptors}: ${grownKinds(before, after)}`),
    ),
    promise(
      'No timer stays.',
      grown(TIMERS_APART, ({ timers }) => timers),
    ),
    promise(
      `The heap is back within ${HEAP_APART / MIB} MiB.`,
      grown(HEAP_APART, ({ heap }) => heap),
    ),
    promise(
      `Buffers are back within ${HEAP_APART / MIB} MiB.`,
      grown(HEAP_APART, ({ external }) => external),
    ),
    promise(
      `The process is back within ${RSS_APART / MIB} MiB.`,
      grown(RSS_APART, ({ rss }) => rss),
    ),
    promise('No file stays in the state folder.', added),
  ]
}

const SHOWN = 5

const promise = (text: string, against: readonly string[]): Promised => ({
  text,
  kept: against.length === 0,
  detail: against.length === 0 ? '0' : `${against.length}: ${against.slice(0, SHOWN).join('; ')}`,
})
