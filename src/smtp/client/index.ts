export * from './contract.ts'
export { openOpportunistic, openSession } from './open.ts'
