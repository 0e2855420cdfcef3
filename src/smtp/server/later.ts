import type { Later } from './contract.ts'

export const isLater = <T>(value: Later<T>): value is Promise<T> =>
  typeof value === 'object' && value !== null && 'then' in value

/** Goes on with a value at once where it is there, and later where it is not: no turn of the event loop is spent on what needs none. */
export function whenDone<T, U>(value: Later<T>, next: (value: T) => Later<U>): Later<U> {
  return isLater(value) ? value.then(next) : next(value)
}
