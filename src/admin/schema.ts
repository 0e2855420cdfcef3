// JSON Schema of every request. Texts are bounded, and unknown fields are refused: a filter with a
// misspelt field would otherwise select more than the operator meant.

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength }) as const

const QUEUE_ID = text(32)
const ADDRESS = text(320)
const NAME = text(255)
const MOMENT = text(40)
const STATE = { type: 'string', enum: ['pending', 'leased', 'held'] } as const
/** Where a recipient stands by the record. */
const RECORDED_STATE = {
  type: 'string',
  enum: ['pending', 'held', 'relayed', 'delivered', 'failed', 'discarded', 'removed', 'damaged'],
} as const
const QUEUE_IDS = { type: 'array', items: QUEUE_ID, minItems: 1, maxItems: 1_000 } as const
/** No control characters: it stands in the record and in logs. */
const BY = { type: 'string', minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$' } as const

const FILTER = {
  queueIds: QUEUE_IDS,
  state: STATE,
  domain: NAME,
  destination: NAME,
  client: NAME,
  sender: ADDRESS,
  recipient: ADDRESS,
  receivedBefore: MOMENT,
  receivedAfter: MOMENT,
} as const

const CURSOR = text(512)
const limit = (byDefault: number, maximum: number) =>
  ({ type: 'integer', minimum: 1, maximum, default: byDefault }) as const

const object = <P extends object>(properties: P, required: readonly (keyof P & string)[] = []) =>
  ({ type: 'object', additionalProperties: false, required, properties }) as const

export const QUEUE_QUERY = object({ ...FILTER, cursor: CURSOR, limit: limit(50, 1_000) })

export const QUEUE_ID_PARAMS = object({ id: QUEUE_ID }, ['id'])

export const CONTENT_QUERY = object({ by: BY, part: { type: 'string', enum: ['header', 'all'], default: 'header' } }, [
  'by',
])

const HOLD_END = { type: 'string', enum: ['release', 'reject', 'discard'] } as const

export const ACTION_BODY = object(
  {
    action: { type: 'string', enum: ['retry', 'hold', 'release', 'reroute', 'remove'] },
    filter: object(FILTER),
    all: { type: 'boolean' },
    by: BY,
    dryRun: { type: 'boolean' },
    hold: object({ reason: text(500), until: MOMENT, afterwards: HOLD_END }, ['reason', 'until', 'afterwards']),
    destination: { type: ['string', 'null'], minLength: 1, maxLength: 255 },
  },
  ['action', 'filter', 'by'],
)

export const TRACE_QUERY = object({
  queueId: QUEUE_ID,
  messageId: text(998),
  from: ADDRESS,
  to: ADDRESS,
  client: NAME,
  domain: NAME,
  since: MOMENT,
  until: MOMENT,
  state: RECORDED_STATE,
  cursor: CURSOR,
  limit: limit(20, 200),
})

export const RECEIPT_QUERY = object({ by: BY }, ['by'])

export const RELOAD_BODY = object({ by: BY }, ['by'])
