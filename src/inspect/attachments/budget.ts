import { Exhausted } from './failure.ts'
import type { Limits } from './limits.ts'

/** What is left to spend on one message. Handed along, never shared between messages. */
export interface Budget {
  itemsLeft: number
  bytesLeft: number
  workLeft: number
}

export function createBudget(limits: Limits): Budget {
  return { itemsLeft: limits.maxItems, bytesLeft: limits.maxBytes, workLeft: limits.maxWork }
}

/** Takes one more member to look at. Throws Exhausted. */
export function spendItem(budget: Budget): void {
  budget.itemsLeft -= 1
  if (budget.itemsLeft < 0) throw new Exhausted('has more members than are allowed')
}

/** Takes `bytes` of unpacked data. Throws Exhausted. */
export function spendBytes(budget: Budget, bytes: number): void {
  budget.bytesLeft -= bytes
  if (!(budget.bytesLeft >= 0)) throw new Exhausted('unpacks to more than is allowed')
}

/** Takes `units` of work. Throws Exhausted. */
export function spendWork(budget: Budget, units: number): void {
  budget.workLeft -= units
  if (!(budget.workLeft >= 0)) throw new Exhausted('takes more work to read than is allowed')
}
