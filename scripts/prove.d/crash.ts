import { proveKills } from '../lib/prove/crash/kills.ts'
import type { Amounts, Proof, Prover } from '../lib/prove/part.ts'

/** The daemon under load, ended in every way that a machine can end it: nothing acknowledged may be lost. */

export const amounts: Amounts = {
  kills: { long: 5000, short: 40, help: 'times that the daemon is killed' },
}

export async function prove(prover: Prover): Promise<Proof> {
  const proofs: Proof[] = []
  for (const each of [proveKills]) proofs.push(await each(prover))
  return {
    tables: proofs.flatMap(({ tables }) => tables),
    promises: proofs.flatMap(({ promises }) => promises),
    notes: proofs.flatMap(({ notes = [] }) => notes),
  }
}
