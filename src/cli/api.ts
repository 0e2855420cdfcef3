/** The admin API's shapes: what the commands speak, and all that they know of the daemon. */
export type * from '../admin/api.ts'
