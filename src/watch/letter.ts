import type { Untold } from './board.ts'
import type { OperatorLetter, StandingAlarm } from './contract.ts'
import { counted, moment } from './words.ts'

/** Lines of one sort before the rest is only counted. */
const MOST_TOLD = 50

/** What operators read: first what is new, then what is over, then what they know already. */
export function letterOf({ news, over, still }: Untold, hostname: string, now: number): OperatorLetter {
  const parts = [
    part('Alarms:', news),
    part('Over:', over),
    part('Still standing, told before:', still),
    `Written by ${hostname} at ${moment(now)}. All alarms that stand: postern status`,
  ]
  return { subject: subjectOf({ news, over }, hostname), text: `${parts.filter((text) => text !== '').join('\n\n')}\n` }
}

function subjectOf({ news, over }: Pick<Untold, 'news' | 'over'>, hostname: string): string {
  const [first] = news
  if (first === undefined) return `[${hostname}] ${counted(over.length, 'alarm is', 'alarms are')} over`
  if (news.length > 1) return `[${hostname}] ${news.length} alarms`
  return `[${hostname}] alarm: ${first.text.slice(0, 120)}`
}

function part(title: string, alarms: readonly StandingAlarm[]): string {
  if (alarms.length === 0) return ''
  const lines = alarms.slice(0, MOST_TOLD).map(({ text, since }) => `- ${text} (since ${moment(since)})`)
  const rest = alarms.length - lines.length
  return [title, '', ...lines, ...(rest > 0 ? [`- and ${rest} more`] : [])].join('\n')
}
