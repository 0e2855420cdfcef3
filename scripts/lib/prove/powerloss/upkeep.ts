import { cpSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ApiCertificatePage } from '../../../../src/cli/api.ts'
import { relayConfig } from '../../../../test/support/config.ts'
import { Daemon, type DaemonConfig, POSTERN } from '../../../../test/support/daemon.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { issue, MAIL_USE } from '../../../../test/support/openssl.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { type Finished, run } from '../../../../test/support/process.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { Account } from '../crash/account.ts'
import { Senders } from '../crash/senders.ts'
import { checkNothingEscaped, type Lie, scratchFolder } from './recorder.ts'
import { createTrace, readTrace, type Traced, usedBytes } from './trace.ts'

/** What an operator does beside the queue, and each changes files of its own. */
export const STEPS = [
  'start',
  'register',
  'certificates',
  'withdrawal',
  'reports',
  'mail',
  'backup',
  'repair',
  'restore',
] as const
export type Step = (typeof STEPS)[number]

export interface UpkeepRecording {
  readonly events: readonly Traced[]
  /** The first event of each step, and the first after what it did was said to be done. */
  readonly steps: ReadonlyMap<Step, { readonly from: number; readonly to: number }>
  /** A backup, apart from the disk that fails. */
  readonly backup: string
  readonly acknowledged: ReadonlySet<string>
  readonly config: (folder: string, port: number, nextHop: number) => DaemonConfig
}

const CAPACITY_BYTES = 2 ** 30
const MESSAGES = 40
const ENTRY = ['--requirement', 'verified', '--owner', 'Proof', '--approver', 'A. One', '--approver', 'B. Two']
export const DOMAIN = 'royal.test'
export const ADDRESS = 'ward7@city.test'
const WITHDRAWN = 'ward8@city.test'
const REPORT_ID = 'proof-1'
const PAGE = 4096

const config: UpkeepRecording['config'] = (folder, port, nextHop) => {
  const secureDomains = { file: join(folder, 'secure-domains.csv') }
  const reports = { tls: { receive: 'tls@postern.test' } }
  return relayConfig({ port, nextHop, more: { secureDomains, reports, alarms: { look: '1s' } } })
}

/** RFC 8460 section 4.4. */
const REPORT = JSON.stringify({
  'organization-name': 'Elsewhere',
  'date-range': { 'start-datetime': '2026-11-02T00:00:00Z', 'end-datetime': '2026-11-02T23:59:59Z' },
  'report-id': REPORT_ID,
  policies: [
    {
      policy: { 'policy-type': 'no-policy-found', 'policy-domain': 'postern.test' },
      summary: { 'total-successful-session-count': 3, 'total-failure-session-count': 0 },
    },
  ],
})

const HEADER =
  'domain,subdomains,requirement,fingerprints,min-tls,ciphers,next-hop,owner,reviewed-on,expires-on,approver-1,approver-2,status'

/** Runs a command on the state of a daemon that need not run, recorded or not. */
export const onState = (daemon: Daemon, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Finished> =>
  run(POSTERN, [...args, '--config', daemon.configFile, '--state', daemon.stateDir], {
    env: { ...process.env, ...env },
  })

export interface UpkeepWant {
  /** The steps up to this one; all by default. */
  readonly last?: Step
  /** Syncs that lie, of the daemon and of every command. */
  readonly lie?: Lie
}

/** Records every step, one after the other, on one disk. */
export async function recordUpkeep(
  scope: Scope,
  library: string,
  { last = 'restore', lie }: UpkeepWant = {},
): Promise<UpkeepRecording> {
  const trace = join(scratchFolder(scope), 'trace')
  createTrace(trace, CAPACITY_BYTES)
  const account = new Account()
  account.isShut = true
  await account.listen(scope)
  const [folder, port] = [temporaryFolder(scope), await freePort()]
  const daemon = new Daemon(folder, config(folder, port, account.port))
  defer(scope, () => daemon.stop())
  const env = { LD_PRELOAD: library, RECORD_TRACE: trace, RECORD_ROOT: folder, ...(lie && { RECORD_LIE: lie }) }
  const apart = temporaryFolder(scope)
  const acknowledged = new Set<string>()
  let from = 0
  const begins = () => {
    from = usedBytes(trace)
  }
  const works = worksOf({ daemon, env, port, apart, acknowledged, begins })
  const ends: { step: Step; from: number; to: number }[] = []
  for (const step of STEPS.slice(0, STEPS.indexOf(last) + 1)) {
    begins()
    await works[step]()
    ends.push({ step, from, to: usedBytes(trace) })
  }
  const events = readTrace(trace)
  checkNothingEscaped(events, folder)
  const indexOf = (bytes: number) => events.filter(({ at }) => at < bytes).length
  const steps = new Map(ends.map(({ step, from, to }) => [step, { from: indexOf(from), to: indexOf(to) }]))
  return { events, steps, backup: join(apart, 'backup'), acknowledged, config }
}

interface Ports {
  readonly daemon: Daemon
  readonly env: NodeJS.ProcessEnv
  readonly port: number
  readonly apart: string
  readonly acknowledged: Set<string>
  /** What follows is the step; what came before only leads to it. */
  readonly begins: () => void
}

function worksOf({
  daemon,
  env,
  port,
  apart,
  acknowledged,
  begins,
}: Ports): Readonly<Record<Step, () => Promise<void>>> {
  const command = async (...args: string[]) => must(await onState(daemon, args, env), args)
  const script = async (text: string) =>
    must(await run(process.execPath, ['-e', text], { env: { ...process.env, ...env } }), [text])
  const online = async (...args: string[]) => {
    const socket = ['--socket', join(daemon.stateDir, 'admin.sock')]
    must(await run(POSTERN, [...args, ...socket], { env: { ...process.env, ...env } }), args)
  }
  const register = join(daemon.folder, 'secure-domains.csv')
  const kept = join(daemon.folder, 'backup')
  return {
    async start() {
      await script(synced(register, `${HEADER}\n`))
      await daemon.start(env)
    },
    async register() {
      const year = new Date().getUTCFullYear() + 1
      const args = ['domain', 'add', DOMAIN, ...ENTRY, '--expires-on', `${year}-06-01`, '--config', daemon.configFile]
      await online(...args)
    },
    async certificates() {
      const { pemFile } = issue(apart, 'ward', { extensions: MAIL_USE, emails: [ADDRESS], days: 20 })
      await online('certificate', 'add', pemFile)
      // An alarm that it expires soon is kept too
      const isKept = () => existsSync(join(daemon.stateDir, 'alarms.json'))
      await waitFor(isKept, { what: 'the alarm to be kept' })
    },
    async withdrawal() {
      const { pemFile } = issue(apart, 'gone', { extensions: MAIL_USE, emails: [WITHDRAWN], days: 20 })
      await online('certificate', 'add', pemFile)
      await online('certificate', 'expire', WITHDRAWN)
    },
    async reports() {
      const file = join(apart, 'report.json')
      writeFileSync(file, REPORT)
      await online('tls-report', 'import', file)
    },
    async mail() {
      const senders = new Senders({ port, run: 'u', sessions: 4, kind: (n) => (n % 4 === 0 ? 'large' : 'good') })
      await waitFor(() => senders.acknowledged.size >= MESSAGES, {
        what: 'the load',
        detail: () => daemon.log.slice(-2000),
      })
      await senders.stop()
      for (const id of senders.acknowledged.values()) acknowledged.add(id)
    },
    async backup() {
      await command('backup', kept)
      cpSync(kept, join(apart, 'backup'), { recursive: true })
    },
    async repair() {
      await daemon.kill9()
      const file = join(daemon.stateDir, 'spool', 'spool.db')
      // The log holds what the file may not hold yet: it must be read, and must be gone after
      await script(synced(file, '\\0'.repeat(PAGE), 'r+'))
      await command('spool', 'repair', '--yes')
    },
    async restore() {
      await script(removed(daemon.stateDir))
      // Half of an old state is nobody's restore: the step begins here
      begins()
      await command('restore', join(apart, 'backup'))
    },
  }
}

/** Removes a folder with all that is in it, and syncs that. */
const removed = (folder: string): string => `const fs = require('node:fs'), path = require('node:path')
const sync = (path) => { const fd = fs.openSync(path, 'r'); fs.fsyncSync(fd); fs.closeSync(fd) }
const remove = (folder) => {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const found = path.join(folder, entry.name)
    if (entry.isDirectory()) remove(found)
    else fs.unlinkSync(found)
  }
  sync(folder)
  fs.rmdirSync(folder)
  sync(path.dirname(folder))
}
remove(${JSON.stringify(folder)})`

/** Writes a file from its beginning, and syncs it and its name. */
function synced(file: string, text: string, flags = 'w'): string {
  return `const fs = require('node:fs'), file = ${JSON.stringify(file)}
const sync = (path) => { const fd = fs.openSync(path, 'r'); fs.fsyncSync(fd); fs.closeSync(fd) }
const fd = fs.openSync(file, '${flags}', 0o600)
fs.writeSync(fd, ${JSON.stringify(text).replaceAll('\\\\0', '\\0')}, 0)
fs.fsyncSync(fd); fs.closeSync(fd); sync(require('node:path').dirname(file))`
}

function must({ code, stdout, stderr }: Finished, args: readonly string[]): void {
  if (code !== 0) throw new Error(`${args.join(' ')} exited ${code}: ${stderr}${stdout}`)
}

export interface UpkeepMoment {
  readonly step: Step
  readonly events: number
  /** What the step does was said to be done. */
  readonly isDone: boolean
}

/** What is wrong after the power failed at a moment, a line each. `fill` writes what the disk holds. */
export async function judgeUpkeep(
  scope: Scope,
  recording: UpkeepRecording,
  moment: UpkeepMoment,
  fill: (folder: string) => void,
): Promise<string[]> {
  const folder = scratchFolder(scope)
  fill(folder)
  const account = new Account()
  await account.listen(scope)
  const daemon = new Daemon(folder, recording.config(folder, await freePort(), account.port))
  defer(scope, () => daemon.stop(0))
  // Where the register itself was being made nobody had one yet
  const register = join(folder, 'secure-domains.csv')
  if (isBefore(moment, 'register') && isMissing(register)) writeFileSync(register, `${HEADER}\n`)
  const problem = await comeBack(daemon, recording, moment)
  if (problem !== null) return [problem]
  const gone = await toldOnes(daemon, moment)
  return gone.length > 0 ? gone : delivered(daemon, account, recording, moment)
}

const isMissing = (file: string): boolean => !existsSync(file) || readFileSync(file).length === 0

const isBefore = ({ step }: UpkeepMoment, other: Step): boolean => STEPS.indexOf(step) < STEPS.indexOf(other)

/** Is the step over, or this one done? */
const isOver = (moment: UpkeepMoment, step: Step): boolean =>
  STEPS.indexOf(moment.step) > STEPS.indexOf(step) || (moment.step === step && moment.isDone)

/** Starts it; where it refuses, as an operator does: what it names is run. What was wrong, or null. */
async function comeBack(daemon: Daemon, recording: UpkeepRecording, moment: UpkeepMoment): Promise<string | null> {
  const started = () =>
    daemon.start().then(
      () => null,
      (error: unknown) => String(error),
    )
  // Nothing of a restore had reached the disk: the daemon begins anew, and whoever asked for the restore asks again
  const isNew = !['spool.db', 'spool.db.building'].some((name) => existsSync(join(daemon.stateDir, 'spool', name)))
  const isToRestore = moment.step === 'restore' && !moment.isDone
  const refused = await started()
  if (refused === null && !(isToRestore && isNew)) return null
  await daemon.stop()
  if (moment.step === 'repair' && refused !== null && /postern spool repair/.test(refused)) {
    const repaired = await onState(daemon, ['spool', 'repair', '--yes'])
    if (repaired.code !== 0) return `the second repair failed: ${repaired.stderr}`
  } else if (isToRestore) {
    if (existsSync(daemon.stateDir)) renameSync(daemon.stateDir, `${daemon.stateDir}.half`)
    const restored = await onState(daemon, ['restore', recording.backup])
    if (restored.code !== 0) return `the second restore failed: ${restored.stderr}`
  } else return refused
  const again = await started()
  return again === null ? null : `after ${moment.step} was run again: ${again}`
}

/** What a command said to be done is still so. */
async function toldOnes(daemon: Daemon, moment: UpkeepMoment): Promise<string[]> {
  const problems: string[] = []
  if (isOver(moment, 'register')) {
    const { stdout } = await daemon.cli('domain', 'list', '--config', daemon.configFile)
    if (!stdout.includes(DOMAIN)) problems.push('the register has lost a domain that was entered')
  }
  if (isOver(moment, 'certificates')) {
    const { stdout } = await daemon.cli('certificate', 'list')
    if (!stdout.includes(ADDRESS)) problems.push('a certificate that was added is gone')
  }
  if (isOver(moment, 'withdrawal')) {
    const { certificates } = (await daemon.json('certificate', 'list')) as ApiCertificatePage
    const isGone = certificates.some(({ address, withdrawnAt }) => address === WITHDRAWN && withdrawnAt !== null)
    if (!isGone) problems.push('a certificate that was withdrawn is used again, or its record is gone')
  }
  if (isOver(moment, 'reports')) {
    const { stdout } = await daemon.cli('tls-report', 'list', '--json')
    if (!stdout.includes(REPORT_ID)) problems.push('a report that was read is gone')
  }
  return problems
}

/** All that was acknowledged arrives, after a repair once an operator has released it. */
async function delivered(
  daemon: Daemon,
  account: Account,
  recording: UpkeepRecording,
  moment: UpkeepMoment,
): Promise<string[]> {
  if (!isOver(moment, 'mail')) return []
  if (['repair', 'restore'].includes(moment.step)) await daemon.cli('queue', 'release', '--all', '--yes')
  const missing = () => account.missing(recording.acknowledged)
  await waitFor(() => missing().length === 0, { what: 'all', timeoutMs: 30_000, everyMs: 50 }).catch(() => {})
  const lost = missing()
  if (moment.step === 'backup' && existsSync(join(daemon.folder, 'backup'))) {
    // It has its name: it must be whole
    const half = `${daemon.stateDir}.now`
    await daemon.stop()
    renameSync(daemon.stateDir, half)
    const { code, stderr } = await onState(daemon, ['restore', join(daemon.folder, 'backup')])
    if (code !== 0) return [`a backup that has its name cannot be restored: ${stderr}`]
  } else if (moment.step === 'backup' && moment.isDone) return ['a backup that was said to be made is not there']
  return [
    ...(lost.length > 0 ? [`lost ${lost.length}: ${lost.slice(0, 3).join(', ')}`] : []),
    ...account.altered.slice(0, 3).map((id) => `altered: ${id}`),
  ]
}
