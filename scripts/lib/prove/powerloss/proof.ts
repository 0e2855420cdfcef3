import type { Proof, Prover } from '../part.ts'
import { type Random, randomOf } from '../random.ts'
import { Disk } from './disk.ts'
import { type Judgement, judge, type Known } from './judge.ts'
import { acknowledgements, type Moment, pickMoments } from './moments.ts'
import { compileRecorder, type Lie, type Recording, record } from './recorder.ts'
import type { Traced } from './trace.ts'

const AT_ONCE = 2
/** The control is judged whatever the time: without it the rest says nothing. */
const QUIETLY = { say: () => {}, isOver: () => false }
const CONTROLS: readonly Lie[] = ['files', 'folders']

/** A judgement, with what is needed to understand it. */
export interface Case extends Judgement {
  readonly moment: Moment
  readonly how: string
}

/** Power losses at `states` moments of one recorded run, and the control: with syncs that lie, losses must be found. */
export async function provePowerLoss(prover: Prover): Promise<Proof> {
  const library = await compileRecorder(prover)
  const random = randomOf(prover.seed)
  const recording = await record(prover, library, prover.amount('recorded'))
  prover.say(`recorded ${recording.events.length} events, ${recording.acknowledged.size} messages acknowledged`)
  const cases = await judgeStates(recording, prover.amount('states'), random, prover)
  const controls: { lie: Lie; found: number; of: number }[] = []
  for (const lie of CONTROLS) {
    const lying = await record(prover, library, 200, lie)
    const judged = await judgeStates(lying, prover.amount('controls'), random, QUIETLY, true)
    controls.push({ lie, found: judged.filter(isBroken).length, of: judged.length })
  }
  return proofOf(cases, controls)
}

export const isBroken = ({ lost, problems }: Judgement): boolean => lost.length > 0 || problems.length > 0

/** Judges so many states, a few at once. A control has no luck: right after an acknowledgement, nothing is left that was not synced. */
export async function judgeStates(
  recording: Recording,
  count: number,
  random: Random,
  { say, isOver }: Pick<Prover, 'say' | 'isOver'>,
  isControl = false,
): Promise<Case[]> {
  const walk = new Walk(recording)
  const moments = isControl ? acknowledgements(recording, count, random) : pickMoments(recording, count, random)
  const cases: Case[] = []
  const lane = async () => {
    for (let moment = moments.shift(); moment !== undefined && !isOver(); moment = moments.shift()) {
      const known = walk.to(moment.events)
      let how = ''
      const judgement = await judge(recording, known, (folder) => {
        if (isControl) walk.disk.writeWith(folder, 'none', 'none', random)
        else how = walk.disk.writeAfterPowerLoss(folder, random)
      })
      const done: Case = { ...judgement, moment, how }
      cases.push(done)
      if (isBroken(done)) say(`after ${moment.events} events (${moment.doing}; ${how}): ${explain(done)}`)
      else if (cases.length % 20 === 0) say(`${cases.length} of ${count} power losses judged`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, lane))
  return cases
}

const explain = ({ lost, problems }: Judgement): string =>
  [lost.length > 0 ? `lost ${lost.length}: ${lost.slice(0, 5).join(', ')}` : '', ...problems.slice(0, 3)]
    .filter((text) => text !== '')
    .join('; ')

/** Goes through a trace once, and knows at each moment what the disk holds and what was said. */
export class Walk {
  readonly disk = new Disk()
  readonly #recording: Recording
  readonly #acknowledged = new Set<string>()
  readonly #taken = new Set<string>()
  #done = 0

  constructor(recording: Recording) {
    this.#recording = recording
  }

  to(events: number): Known {
    for (; this.#done < events; this.#done++) {
      const event = this.#recording.events[this.#done]
      if (event !== undefined) this.#take(event)
    }
    return { acknowledged: new Set(this.#acknowledged), taken: new Set(this.#taken) }
  }

  #take(event: Traced): void {
    if (event.kind === 'taken') this.#taken.add(event.token)
    else if (event.kind === 'queued') {
      const id = this.#recording.acknowledged.get(event.id)
      if (id !== undefined) this.#acknowledged.add(id)
    } else this.disk.apply(event)
  }
}

function proofOf(cases: readonly Case[], controls: readonly { lie: Lie; found: number; of: number }[]): Proof {
  const sum = (of: (each: Case) => number) => cases.reduce((total, each) => total + of(each), 0)
  const lost = sum((each) => each.lost.length)
  const problems = cases.flatMap(({ problems }) => problems)
  const doings = [...new Set(cases.map(({ moment }) => moment.doing))].sort()
  return {
    tables: [
      {
        title: 'Power lost: what was not synced is gone, torn or in another order; then a start on what is left',
        columns: ['power losses', 'acknowledged', 'taken before', 'delivered or returned after', 'lost', 'twice'],
        rows: [
          [
            cases.length,
            sum((c) => c.acknowledged),
            sum((c) => c.before),
            sum((c) => c.after),
            lost,
            sum((c) => c.twice),
          ],
        ],
      },
      {
        title: 'What the daemon was doing when the power failed',
        columns: ['doing', 'power losses', 'broken'],
        rows: doings.map((doing) => {
          const those = cases.filter(({ moment }) => moment.doing === doing)
          return [doing, those.length, those.filter(isBroken).length]
        }),
      },
      {
        title: 'Control: with syncs that say that they were done and do nothing, the harness must find losses',
        columns: ['syncs that lie', 'power losses', 'found broken'],
        rows: controls.map(({ lie, found, of }) => [`of ${lie}`, of, found]),
      },
    ],
    promises: [
      {
        text: 'No acknowledged message is lost by a loss of power.',
        kept: lost === 0 && sum((c) => c.acknowledged) > 0,
        detail: `${lost} lost`,
      },
      {
        text: 'After every loss of power the daemon starts, nothing is damaged or altered, the ledger verifies, and both agree.',
        kept: problems.length === 0,
        detail: problems.slice(0, 3).join('; ') || 'verified',
      },
      {
        text: 'The harness sees losses where there are some.',
        kept: controls.every(({ found }) => found > 0),
        detail: controls.map(({ lie, found, of }) => `${lie}: ${found} of ${of}`).join(', '),
      },
    ],
  }
}
