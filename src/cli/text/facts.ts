type Facts = Readonly<Record<string, unknown>>

/** Facts as `name=value`, those within facts as `outer.name=value`; without those that are said in words beside them. */
export function describeFacts(facts: Facts, said: ReadonlySet<string> = new Set(), within = ''): string {
  const known = Object.entries(facts).filter(
    ([name, value]) => value !== null && value !== undefined && !said.has(name),
  )
  return known.map(([name, value]) => describeFact(`${within}${name}`, value)).join(' ')
}

const NOTHING: ReadonlySet<string> = new Set()

function describeFact(name: string, value: unknown): string {
  if (isFacts(value)) return describeFacts(value, NOTHING, `${name}.`)
  if (typeof value === 'number' && isMoment(value)) return `${name}=${new Date(value).toISOString()}`
  if (typeof value === 'string' && PLAIN.test(value)) return `${name}=${value}`
  return `${name}=${JSON.stringify(value)}`
}

const PLAIN = /^[^\s="]+$/
const isFacts = (value: unknown): value is Facts => typeof value === 'object' && value !== null && !Array.isArray(value)

// The record holds moments in milliseconds since 1970; no size, count or port comes near (2017 to 2096)
const isMoment = (value: number): boolean => Number.isInteger(value) && value > 1.5e12 && value < 4e12
