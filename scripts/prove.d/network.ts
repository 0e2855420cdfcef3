import { playRound, type Round } from '../lib/prove/network/round.ts'
import { startScanners } from '../lib/prove/network/stage.ts'
import { verdict } from '../lib/prove/network/verdict.ts'
import type { Amounts, Proof, Prover } from '../lib/prove/part.ts'

export const amounts: Amounts = {
  faults: { long: 100_000, short: 600, help: 'faults in all, of connections and of questions to the DNS' },
  sessions: { long: 80, short: 30, help: 'clients at once' },
}

/** Between Postern and each of its peers stands a proxy that spoils connections; what it promises must hold all the same. */
export async function prove(prover: Prover): Promise<Proof> {
  const scanners = await startScanners(prover)
  const rounds: Round[] = []
  for (const validating of [false, true]) {
    // Ended early, the account is of the rounds that were played
    if (rounds.length > 0 && prover.isOver()) break
    const faults = Math.ceil(prover.amount('faults') / 2)
    prover.say(`${faults} faults with ${validating ? "Postern's own resolver" : "Node's resolver"}`)
    const options = { seed: prover.seed, faults, sessions: prover.amount('sessions'), validating, scanners }
    const round = await playRound(prover, options)
    rounds.push(round)
    await round.stage.daemon.stop()
  }
  return verdict(rounds)
}
