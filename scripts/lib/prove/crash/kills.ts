import type { Promised, Proof, Prover, Table } from '../part.ts'
import { compileRecorder } from '../powerloss/recorder.ts'
import { randomOf } from '../random.ts'
import { withinScope } from '../scope.ts'
import { Folder, type Sum } from './folder.ts'
import { Coverage, GROUPS, POINTS } from './points.ts'

/** Kills of one folder; then it is called to account, and the next one begins with an empty folder. */
const PER_FOLDER = 40
const LANES = 2

/** SIGKILL at named points and at random, `kills` times in all. */
export async function proveKills(prover: Prover): Promise<Proof> {
  const wanted = prover.amount('kills')
  const sum: Sum = {
    kills: 0,
    tally: { acknowledged: 0, delivered: 0, bounced: 0, removed: 0, lost: 0, twice: 0 },
    byHow: { point: 0, start: 0, load: 0 },
    points: new Coverage(),
    problems: [],
    altered: 0,
    wronglyBounced: 0,
    delayed: 0,
    acts: 0,
    revived: 0,
  }
  const library = await compileRecorder(prover)
  let begun = 0
  const lane = async (number: number) => {
    const random = randomOf(prover.seed + number)
    while (begun < wanted && !prover.isOver()) {
      const kills = Math.min(PER_FOLDER, Math.ceil(wanted / LANES), wanted - begun)
      begun += kills
      const run = `${number}k${begun}`
      // What it leaves is removed before the next one: thousands of kills would fill a disk
      await withinScope((scope) =>
        new Folder({ scope, random, sum, run, library, isOver: () => prover.isOver() }).run(kills),
      )
      prover.say(`${sum.kills} kills, ${sum.tally.acknowledged} acknowledged, ${sum.tally.lost} lost`)
    }
  }
  await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number)))
  return proofOf(sum, !prover.short && !prover.isOver())
}

function proofOf(sum: Sum, isWhole: boolean): Proof {
  const { kills, tally, byHow, points, delayed, acts } = sum
  const { acknowledged, delivered, bounced, removed, lost, twice } = tally
  return {
    tables: [
      {
        title: 'Killed (SIGKILL) under load, started again, called to account',
        columns: ['kills', 'acknowledged', 'delivered', 'bounced', 'removed by operators', 'lost', 'twice'],
        rows: [[kills, acknowledged, delivered, bounced, removed, lost, twice]],
      },
      {
        title: 'Meanwhile',
        columns: ['what', 'count'],
        rows: [
          ['senders told of a delay', delayed],
          ['actions of operators', acts],
        ],
      },
      {
        title: 'Where the kills came',
        columns: ['where', 'kills'],
        rows: [
          ['while it started', byHow.start],
          ['at a random moment under load', byHow.load],
          ['at a point that was not reached in time: under load', byHow.point - points.total],
          ['at a named point', points.total],
        ],
      },
      tableOf(points),
    ],
    promises: [...promisesOf(sum), ...(isWhole ? [everyPoint(points)] : [])],
    notes:
      isWhole || points.never.length === 0
        ? []
        : [
            `${points.never.length} of ${POINTS.length} points were not reached in this run; the long form reaches all.`,
          ],
  }
}

const tableOf = ({ reached }: Coverage): Table => ({
  title: 'Kills at the named points',
  columns: ['of the commit of', 'within it', 'before it', 'after it', 'before its answer'],
  rows: GROUPS.map(({ name, points }) => [
    name,
    ...points.map((point) => (point === null ? '–' : (reached.get(point) ?? 0))),
  ]),
})

const everyPoint = ({ never }: Coverage): Promised => ({
  text: 'A kill came at every named point of the spool and of the ledger.',
  kept: never.length === 0,
  detail: never.length === 0 ? `${POINTS.length} points` : `never at ${never.join(', ')}`,
})

const promisesOf = ({ tally, problems, altered, wronglyBounced, revived }: Sum): Promised[] => [
  {
    text: 'No acknowledged message is lost by a kill.',
    kept: tally.lost === 0 && tally.acknowledged > 0,
    detail: `${tally.lost} lost`,
  },
  { text: 'None arrives altered.', kept: altered === 0, detail: `${altered} altered` },
  {
    text: 'Only what was refused, or grew too old, comes back.',
    kept: wronglyBounced === 0,
    detail: `${wronglyBounced} others`,
  },
  { text: 'What an operator was told is removed stays so.', kept: revived === 0, detail: `${revived} tried again` },
  {
    text: 'After every kill the spool is whole, the ledger verifies, and both agree.',
    kept: problems.length === 0,
    detail: problems.slice(0, 3).join('; ') || 'verified',
  },
]
