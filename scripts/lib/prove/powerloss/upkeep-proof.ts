import type { Proof, Prover } from '../part.ts'
import { type Random, randomOf } from '../random.ts'
import { withinScope } from '../scope.ts'
import { Disk } from './disk.ts'
import { compileRecorder } from './recorder.ts'
import type { Traced } from './trace.ts'
import { judgeUpkeep, recordUpkeep, STEPS, type Step, type UpkeepMoment, type UpkeepRecording } from './upkeep.ts'

const AT_ONCE = 2
const DONE_SHARE = 0.25
/** So many moments of all steps, before it begins at the first step again: cut short, it has seen each step. */
const PER_PASS = 4 * STEPS.length

interface Case {
  readonly moment: UpkeepMoment
  readonly how: 'killed' | 'power lost'
  readonly problems: readonly string[]
}

/** Kills and losses of power while an operator changes what lies beside the queue, and in backup, repair and restore. */
export async function proveUpkeep(prover: Prover): Promise<Proof> {
  const random = randomOf(prover.seed)
  const library = await compileRecorder(prover)
  const recording = await recordUpkeep(prover, library)
  prover.say(`recorded ${recording.events.length} events of upkeep`)
  const wanted = prover.amount('upkeep')
  const cases: Case[] = []
  while (cases.length < wanted && !prover.isOver()) {
    const moments = pick(recording, Math.min(PER_PASS, wanted - cases.length), random)
    await judgeAll(recording, moments, random, prover, cases)
    prover.say(`${cases.length} of ${wanted} judged`)
  }
  const lying = await recordUpkeep(prover, library, { last: prover.short ? 'reports' : 'restore', lie: 'all' })
  return proofOf(cases, await control(lying, random))
}

/** What was said to be done, where no sync was one: each of it must be missed. Without it the rest says nothing, so it is judged whatever the time. */
async function control(recording: UpkeepRecording, random: Random): Promise<Control> {
  const moments = [...recording.steps]
    .filter(([step]) => step !== 'start')
    .map(([step, { to }]): UpkeepMoment => ({ step, events: to, isDone: true }))
  const disk = new Disk()
  let done = 0
  const missed: Step[] = []
  for (const moment of moments) {
    for (; done < moment.events; done++) apply(disk, recording.events[done])
    const fill = (folder: string) => disk.writeWith(folder, 'none', 'none', random)
    const problems = await withinScope((scope) => judgeUpkeep(scope, recording, moment, fill))
    if (problems.length > 0) missed.push(moment.step)
  }
  return { found: missed.length, of: moments.length }
}

interface Control {
  readonly found: number
  readonly of: number
}

function apply(disk: Disk, event: Traced | undefined): void {
  if (event !== undefined && event.kind !== 'queued' && event.kind !== 'taken') disk.apply(event)
}

/** Goes through the recording once. */
async function judgeAll(
  recording: UpkeepRecording,
  moments: UpkeepMoment[],
  random: Random,
  prover: Prover,
  cases: Case[],
): Promise<void> {
  const disk = new Disk()
  let done = 0
  const lane = async () => {
    for (let moment = moments.shift(); moment !== undefined && !prover.isOver(); moment = moments.shift()) {
      for (; done < moment.events; done++) apply(disk, recording.events[done])
      cases.push(await judged(recording, moment, disk, random, prover.say))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
}

/** Of each step equally many, half of them where names or syncs change; and some right after it was done. */
function pick({ events, steps }: UpkeepRecording, count: number, random: Random): UpkeepMoment[] {
  const moments = Array.from({ length: count }, (_, n): UpkeepMoment => {
    const step = STEPS[n % STEPS.length] ?? 'start'
    const { from, to } = steps.get(step) ?? { from: 0, to: 0 }
    if (random.chance(DONE_SHARE)) return { step, events: to, isDone: true }
    const places = Array.from({ length: to - from }, (_, i) => from + i)
    const telling = places.filter((at) => !['write', 'queued', 'taken'].includes(events[at]?.kind ?? ''))
    return { step, events: random.pick(random.chance(0.7) && telling.length > 0 ? telling : places), isDone: false }
  })
  return moments.sort((a, b) => a.events - b.events)
}

async function judged(
  recording: UpkeepRecording,
  moment: UpkeepMoment,
  disk: Disk,
  random: Random,
  say: (text: string) => void,
): Promise<Case> {
  const how = random.chance(0.3) ? 'killed' : 'power lost'
  let luck = ''
  const problems = await withinScope((scope) =>
    judgeUpkeep(scope, recording, moment, (folder) => {
      if (how === 'killed') disk.writeWith(folder, 'all', 'all', random)
      else luck = disk.writeAfterPowerLoss(folder, random)
    }),
  )
  const { step, events, isDone } = moment
  if (problems.length > 0)
    say(`${how} at event ${events} (${step}${isDone ? ', done' : ''}; ${luck}): ${problems.join('; ')}`)
  return { moment, how, problems }
}

const TITLES: Readonly<Record<Step, string>> = {
  start: 'first start: folders, keys, databases',
  register: 'domain add, reload',
  certificates: 'certificate add, an alarm kept',
  withdrawal: 'certificate expire',
  reports: 'tls-report import',
  mail: 'mail',
  backup: 'backup beside a running daemon',
  repair: 'spool repair of a database with its log',
  restore: 'restore',
}

function proofOf(cases: readonly Case[], { found, of }: Control): Proof {
  const broken = cases.flatMap(({ problems }) => problems)
  const count = (step: Step, of: (each: Case) => boolean) =>
    cases.filter((each) => each.moment.step === step && of(each)).length
  return {
    tables: [
      {
        title:
          'Killed, or without power, in the middle of upkeep; then a start, and the command again where it is asked for',
        columns: ['during', 'kills', 'power losses', 'broken'],
        rows: STEPS.map((step) => [
          TITLES[step],
          count(step, ({ how }) => how === 'killed'),
          count(step, ({ how }) => how === 'power lost'),
          count(step, ({ problems }) => problems.length > 0),
        ]),
      },
    ],
    promises: [
      {
        text: 'Upkeep that is cut short leaves what a start, or the same command again, makes whole; what a command said was done stays done, and no acknowledged message is lost.',
        kept: broken.length === 0 && cases.length > 0,
        detail: broken.slice(0, 3).join('; ') || `${cases.length} times`,
      },
      {
        text: 'The harness misses what upkeep said was done where no sync is one.',
        kept: found === of && of > 0,
        detail: `${found} of ${of}`,
      },
    ],
  }
}
