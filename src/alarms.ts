/**
 * The seam for what an operator must hear at once. An alarm stands from `raise` until `clear`, and is
 * told once: raising it again changes its text and repeats nothing.
 */
export interface Alarms {
  /**
   * `key` names the alarm for as long as it stands, such as `path royal.example.test`. `text` is one line
   * for people: what is wrong, since when, what to do. `facts` go to the log; never content, a subject or a secret.
   */
  raise(key: string, text: string, facts?: Readonly<Record<string, unknown>>): void
  /** The cause is gone. Harmless where no such alarm stands. */
  clear(key: string): void
}

export const noAlarms: Alarms = { raise() {}, clear() {} }
