import { proveClock } from '../lib/prove/crash/clock.ts'
import { proveKills } from '../lib/prove/crash/kills.ts'
import type { Amounts, Proof, Prover } from '../lib/prove/part.ts'
import { provePowerLoss } from '../lib/prove/powerloss/proof.ts'
import { proveUpkeep } from '../lib/prove/powerloss/upkeep-proof.ts'

/** The daemon under load, ended in every way that a machine can end it: nothing acknowledged may be lost. */

export const amounts: Amounts = {
  kills: { long: 5000, short: 20, help: 'times that the daemon is killed' },
  states: { long: 600, short: 20, help: 'moments at which the power is lost' },
  recorded: { long: 4000, short: 1200, help: 'messages of the run that they are taken from' },
  upkeep: {
    long: 280,
    short: 9,
    help: 'kills and losses of power during upkeep: register, certificates, backup, repair, restore',
  },
  clock: { long: 1, short: 1, help: '0 leaves the jumps of the clock out' },
  controls: { long: 12, short: 4, help: 'power losses of each control, in which syncs lie' },
}

export async function prove(prover: Prover): Promise<Proof> {
  const proofs: Proof[] = []
  if (prover.amount('kills') > 0) proofs.push(await proveKills(prover))
  if (prover.amount('states') > 0 && !prover.isOver()) proofs.push(await provePowerLoss(prover))
  if (prover.amount('upkeep') > 0 && !prover.isOver()) proofs.push(await proveUpkeep(prover))
  if (prover.amount('clock') > 0 && !prover.isOver()) proofs.push(await proveClock(prover))
  return {
    tables: proofs.flatMap(({ tables }) => tables),
    promises: proofs.flatMap(({ promises }) => promises),
    notes: proofs.flatMap(({ notes = [] }) => notes),
  }
}
