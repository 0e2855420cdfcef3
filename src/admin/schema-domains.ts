// JSON Schema of the requests about the paths to domains; `schema.ts` says why they are strict

const text = (maxLength: number) => ({ type: 'string', minLength: 1, maxLength }) as const
const object = <P extends object>(properties: P, required: readonly (keyof P & string)[] = []) =>
  ({ type: 'object', additionalProperties: false, required, properties }) as const

export const DOMAIN_PARAMS = object({ domain: text(255) }, ['domain'])

export const EXPLANATION_QUERY = object({
  need: { type: 'string', enum: ['none', 'requiretls', 'sensitive'], default: 'none' },
})

export const PROBE_BODY = object(
  {
    by: { type: 'string', minLength: 1, maxLength: 128, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]+$' },
    requirement: { type: 'string', enum: ['verified', 'dane', 'pinned'] },
    fingerprints: { type: 'array', items: { type: 'string', pattern: '^[0-9a-f]{64}$' }, maxItems: 100 },
    minTls: { type: 'string', enum: ['TLSv1.2', 'TLSv1.3'] },
    nextHop: text(300),
  },
  ['by'],
)
