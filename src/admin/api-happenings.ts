/** What happened to one recipient at one time, and what became of it, as `GET /v1/happenings` gives it. */
export interface ApiHappening {
  readonly queueId: string
  /** Null in these where the record of its receipt is no longer kept. */
  readonly receivedAt: string | null
  readonly client: string | null
  readonly sender: string | null
  readonly messageId: string | null
  readonly size: number | null
  readonly recipient: string
  readonly at: string
  /** The record's name for it: `received`, `attempt`, `hold` … */
  readonly event: string
  readonly reason: string | null
  /** Of a hold, or the operator who did it. */
  readonly owner: string | null
  /** Where the recipient stands now, and since when. */
  readonly state: string
  readonly stateAt: string | null
  readonly reply: string | null
  readonly host: string | null
}

export interface ApiHappeningPage {
  /** In the order in which they happened. */
  readonly messages: readonly ApiHappening[]
  readonly next: string | null
}
