// JSON Schema of the requests about recipients' certificates; `schema.ts` says why they are strict

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength }) as const
/** No control characters: it stands in the record and in logs. */
const BY = { type: 'string', minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$' } as const
const object = <P extends object>(properties: P, required: readonly (keyof P & string)[] = []) =>
  ({ type: 'object', additionalProperties: false, required, properties }) as const

/** An address, or a fingerprint with or without colons. */
const OF = text(320)

/** Of one request, all of which is stored or none. */
export const MOST_CERTIFICATES = 50

export const CERTIFICATE_QUERY = object({
  of: OF,
  expiringBefore: text(40),
  cursor: { type: 'string', pattern: '^[0-9]{1,9}$' },
  limit: { type: 'integer', minimum: 1, maximum: 1000, default: 100 },
})

export const CERTIFICATE_ADD_BODY = object(
  {
    certificates: { type: 'array', items: text(65_536), minItems: 1, maxItems: MOST_CERTIFICATES },
    address: text(320),
    by: BY,
    check: { type: 'boolean' },
  },
  ['certificates', 'by'],
)

export const CERTIFICATE_EXPIRE_BODY = object({ of: OF, by: BY }, ['of', 'by'])
