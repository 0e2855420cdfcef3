import { resolve } from 'node:path'
import type { Config } from '../../config/index.ts'

/** Where the state lies, by the names that its parts have in a backup. */
export const placesOf = ({ state }: Config) => ({
  spool: resolve(state.spool),
  ledger: resolve(state.ledger),
  state: resolve(state.dir),
})
