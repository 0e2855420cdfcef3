import { Missing, type Proof, type Prover } from '../lib/prove/part.ts'

/** Under work. */
export async function prove(_prover: Prover): Promise<Proof> {
  throw new Missing('nothing is here yet')
}
