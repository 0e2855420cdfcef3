/** Everything that the quickstart tells. */

export function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

let steps = 0

/** The heading of the next step. */
export function step(title: string): void {
  say(`\n${++steps}. ${title}`)
}

/** A line below a step. */
export const tell = (text: string): void => say(`   ${text}`)

/** Text of a program, below a step. */
export function quote(text: string): void {
  for (const line of text.trimEnd().split('\n')) say(`   | ${line}`)
}
