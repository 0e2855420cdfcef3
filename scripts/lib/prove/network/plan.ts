import { DATAGRAM_FAULTS, type DatagramFault } from '../../../../test/support/fault-proxy-udp.ts'
import type { Fault, FaultKind } from '../../../../test/support/faulty-link.ts'
import { type Random, randomOf } from '../random.ts'

/** Whether faults happen: switched off, every connection is let through. */
export interface Weather {
  foul: boolean
}

export interface PlanOptions {
  readonly seed: number
  /** Of the pair: its choices differ from those of others. */
  readonly name: string
  /** How many connections of a hundred have a fault. */
  readonly percent: number
  readonly weather: Weather
  /** Whether bytes of the tested side's own may be garbled: only where TLS would notice, or nobody confirms them. */
  readonly garbageUp: boolean
  /** One of these is drawn, and then a byte up to it. By default where dialogues of SMTP and HTTP have them. */
  readonly places?: readonly number[] | undefined
}

const KINDS: readonly FaultKind[] = ['delay', 'drip', 'split', 'garbage', 'mute', 'half-open', 'close', 'reset']

/** Where a fault comes most often: at once, in the dialogue, in the handshake or content. */
const PLACES: readonly number[] = [0, 20, 60, 400, 400, 3000, 6000]
const LONGEST_DELAY_MS = 1500

export const randomFor = (seed: number, name: string): Random =>
  randomOf([...name].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), seed))

/** What happens to each connection of a pair, as the seed has it. */
export function connectionPlan(options: PlanOptions): () => Fault | null {
  const random = randomFor(options.seed, options.name)
  return () => {
    const fault = drawFault(random, options.places ?? PLACES, options.garbageUp)
    const isHit = random.chance(options.percent / 100)
    return options.weather.foul && isHit ? fault : null
  }
}

function drawFault(random: Random, places: readonly number[], garbageUp: boolean): Fault {
  const kind = random.pick(KINDS)
  const direction = random.chance(0.5) ? 'up' : 'down'
  const afterBytes = random.below(1 + random.pick(places))
  const delayMs = 1 + random.below(LONGEST_DELAY_MS)
  const may = kind !== 'garbage' || garbageUp
  return { kind, direction: may ? direction : 'down', afterBytes, delayMs }
}

/** What happens to each question to the DNS. */
export function questionPlan({ seed, name, percent, weather }: PlanOptions): () => DatagramFault | null {
  const random = randomFor(seed, name)
  return () => {
    const fault = random.pick(DATAGRAM_FAULTS)
    const isHit = random.chance(percent / 100)
    return weather.foul && isHit ? fault : null
  }
}
