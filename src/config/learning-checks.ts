import type { Config } from './config.ts'

interface Complaint {
  readonly path: readonly PropertyKey[]
  readonly message: string
}

/** Anybody can make a certificate in anybody's name: what is learnt needs somebody who vouches for it. */
export function* learningNeedsAuthorities({ certificates, inspect }: Config): Iterable<Complaint> {
  const index = inspect.findIndex(({ name, module }) => name === 'learn-certificates' && module === null)
  if (index < 0 || certificates.authorities !== null) return
  yield { path: ['inspect', index], message: 'nothing is learnt without certificates.authorities: give that too' }
}
