/** The admin API's shapes: what the commands speak, and all that they know of the daemon. */
export type * from '../admin/api.ts'
export type * from '../admin/domains.ts'
export type * from '../admin/reports-api.ts'
