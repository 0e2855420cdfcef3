/** What commands and the daemon use of the register of secure domains. */

export { COLUMN_NAMES, COLUMNS, type ColumnName, fieldsOf, formatDay, readDay } from './columns.ts'
export { entryFor, type Merge, mergeOf, withEntries, withRetired } from './edit.ts'
export { type Fault, type ReadEntry, readEntry } from './entry.ts'
export { type Expiry, expiriesOf, expiryInWords } from './expiry.ts'
export { entriesOf, readRegisterFile, registerOfFile, type SecureDomains } from './file.ts'
export { keptFile, keptOf, lostSince, readKept, writeKept } from './in-force.ts'
export { LockTaken } from './lock.ts'
export type { RegisterFile } from './register.ts'
export { weakenings } from './weaker.ts'
export { changeRegister, currentRegister, RegisterFaulty } from './write.ts'
