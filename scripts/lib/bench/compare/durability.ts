import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { program } from '../../../../test/support/components.ts'
import { end, type Running, start } from '../../../../test/support/process.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { Missing, median } from '../part.ts'
import type { Group } from './group.ts'
import { LOADS } from './loads.ts'
import type { Mta } from './mta.ts'
import { type Native, type Sent, send } from './native.ts'
import { withServer } from './server.ts'

/** How often a server told the kernel to put a message on stable storage before it answered 250. */
export interface Syncs {
  /** Median over the messages. */
  readonly median: number
  readonly least: number
  readonly most: number
  /** What was synced for the last message, in order, with the call. */
  readonly calls: readonly string[]
}

const CALLS = ['fsync', 'fdatasync', 'sync_file_range', 'msync', 'sync', 'syncfs']
/** So far apart that what a server does after its 250 is over before the next message. */
const RATE = 1
const WARM_UP = 3
const SETTLE_MS = 1000

/** Traces the system calls of a server under a handful of messages, one at a time. Throws Missing without strace. */
export async function countSyncs(native: Native, mta: Mta, messages: number): Promise<Syncs> {
  if (program('strace') === null) throw new Missing('strace is not installed')
  const [letter] = LOADS
  if (letter === undefined) throw new Error('no load')
  return withServer(native, mta, async ({ port, folder, group }) => {
    const task = { port, load: { ...letter, sessions: 1 }, rate: RATE, log: join(folder, 'sent') }
    await send(native.client, { ...task, first: 0, count: WARM_UP })
    await sleep(SETTLE_MS)
    const trace = join(folder, 'trace')
    const tracer = await attach(group, trace)
    const sending = await send(native.client, { ...task, first: WARM_UP, count: messages })
    await end(tracer)
    const refused = sending.messages.filter(({ code }) => code !== 250).length
    if (refused > 0) throw new Error(`${mta.name} did not acknowledge ${refused} of ${messages} messages`)
    const texts = globSync(`${trace}.*`).map((file) => readFileSync(file, 'utf8'))
    return syncsBefore250(sending.messages, texts.flatMap(readTrace), wallMinusMonotonic())
  })
}

/** Follows everything of the group, and what it will start; resolves once the tracer holds all of it. */
async function attach(group: Group, file: string): Promise<Running> {
  const pids = group.pids().map(String)
  const how = ['-f', '-ff', '-ttt', '-T', '-y', '-e', `trace=${CALLS.join(',')}`, '-e', 'signal=none', '-o', file]
  const tracer = await start('strace', [...how, ...pids.flatMap((pid) => ['-p', pid])])
  const attached = () => pids.every((pid) => tracer.output().includes(`Process ${pid} attached`) || !tracer.alive)
  await waitFor(attached, { what: 'strace to attach', detail: () => tracer.output() })
  // Nothing traced is not the same as nothing synced
  if (!tracer.alive) throw new Missing(`strace cannot trace here: ${tracer.output().trim()}`)
  return tracer
}

/** A call that puts something on stable storage: seconds since 1970. */
export interface SyncCall {
  readonly began: number
  readonly ended: number
  readonly what: string
}

const LINE = /^(\d+\.\d+) (\w+)\((?:\d+<([^>]*)>)?.*\) = 0 <(\d+\.\d+)>$/gm

/** Calls that succeeded, from a trace with `-ttt -T -y`. */
export const readTrace = (text: string): SyncCall[] =>
  [...text.matchAll(LINE)].map(([, at, call = '', file = '', took]) => ({
    ...{ began: Number(at), ended: Number(at) + Number(took) },
    what: `${call} ${shortened(file)}`.trim(),
  }))

/** Of a queue file's path what says which it is: the names below the server's own folder, numbers left out. */
const shortened = (file: string): string =>
  file
    .replace(/^.*\/bench-mta-[^/]*\//, '')
    .split('/')
    .map((name) => (/[0-9]{4}|[0-9A-F]{6}/.test(name) ? '*' : name))
    .join('/')

/** Counts, for each message, the calls that began after its first command and were done before its 250. */
export function syncsBefore250(messages: readonly Sent[], calls: readonly SyncCall[], offset: number): Syncs {
  const sorted = calls.toSorted((a, b) => a.began - b.began)
  const each = messages.map(({ due, reply }) =>
    sorted.filter(({ began, ended }) => began >= due + offset && ended <= reply + offset).map(({ what }) => what),
  )
  const counts = each.map(({ length }) => length)
  return {
    ...{ median: median(counts), least: Math.min(...counts), most: Math.max(...counts) },
    calls: each.at(-1) ?? [],
  }
}

/** What the wall clock is ahead of the monotonic one, seconds: a trace has the first, the load client the second. */
function wallMinusMonotonic(): number {
  const before = Date.now()
  let now = before
  while (now === before) now = Date.now()
  return now / 1000 - Number(process.hrtime.bigint()) / 1e9
}

/** For a table: how many syncs, or that there was none. */
export function syncsText(syncs: Syncs | null): string {
  if (syncs === null) return 'not traced'
  const { median: middle, least, most } = syncs
  const range = least === most ? '' : ` (${least} to ${most})`
  if (most === 0) return '**none: not durable**'
  return least === 0 ? `**not before each**${range}` : `${middle}${range}`
}
