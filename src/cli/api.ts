/** The admin API's shapes: what the commands speak, and all that they know of the daemon. */
// biome-ignore lint/style/noRestrictedImports: types only, erased when it runs
export type * from '../admin/api.ts'
