import { type RawField, relaxedField } from '../../dkim/header.ts'
import { chooseFields, fieldNames, type Signer, signedValue } from './signature.ts'

/** What an ARC set is made of besides the message. */
export interface SealArgs {
  readonly signer: Signer
  /** What the chain that came was found to be. */
  readonly cv: 'none' | 'pass' | 'fail'
  /** Its highest instance; 0 where it could not be told. */
  readonly instance: number
  /** The value of our Authentication-Results field. */
  readonly results: string
  /** Names of the fields that are signed. */
  readonly fields: readonly string[]
}

type Field = readonly [name: string, value: string]

const AAR = 'ARC-Authentication-Results'
const AMS = 'ARC-Message-Signature'
const AS = 'ARC-Seal'
// RFC 8617 section 4.2.1
const MOST_SETS = 50

/** The sets that are there: the highest instance, what its seal says, and their fields by instance. */
interface Chain {
  readonly highest: number
  readonly newest: string | null
  readonly sets: readonly RawField[]
}

/**
 * The three fields of a new ARC set, to be put on top one after the other (RFC 8617 section 5.1);
 * none where the chain may not go on.
 */
export function sealFields(
  header: readonly RawField[],
  bodyHash: string,
  { signer, cv, instance: examined, results, fields }: SealArgs,
  seconds: number,
): readonly Field[] {
  const chain = readChain(header)
  // section 5.1, step 2: a failed chain is not sealed again
  if (chain.highest >= MOST_SETS || chain.newest === 'fail') return []
  // what passed must be what stands there now
  if (cv === 'pass' && (chain.highest !== examined || chain.sets.length !== 3 * examined)) return []
  const instance = chain.highest + 1
  const status = chain.highest === 0 ? 'none' : cv === 'pass' ? 'pass' : 'fail'
  const aar: Field = [AAR, `i=${instance}; ${results}`]
  const ams = messageSignature(header, bodyHash, { signer, fields }, instance, seconds)
  const lines = [aar, ams].map(([name, value]) => relaxedField(`${name}: ${value}`))
  // section 5.1.2: a failed chain is sealed without what went before
  const before = status === 'pass' ? chain.sets.map(({ text }) => relaxedField(text)) : []
  const tags: [string, string][] = [
    ['i', String(instance)],
    ['a', signer.algorithm],
    ['t', String(seconds)],
    ['cv', status],
    ['d', signer.domain],
    ['s', signer.selector],
  ]
  const signed = [...before, ...lines].map((line) => `${line}\r\n`).join('')
  return [aar, ams, [AS, signedValue(AS, tags, signed, signer)]]
}

function messageSignature(
  header: readonly RawField[],
  bodyHash: string,
  { signer, fields }: Pick<SealArgs, 'signer' | 'fields'>,
  instance: number,
  seconds: number,
): Field {
  // section 4.1.2: signatures that came are worth keeping, ARC's own are sealed and must not be signed
  const { names, text } = chooseFields(header, [...fields, 'DKIM-Signature'], [])
  const tags: [string, string][] = [
    ['i', String(instance)],
    ['a', signer.algorithm],
    ['c', 'relaxed/relaxed'],
    ['d', signer.domain],
    ['s', signer.selector],
    ['t', String(seconds)],
    ['h', fieldNames(names)],
    ['bh', bodyHash],
  ]
  return [AMS, signedValue(AMS, tags, text, signer)]
}

const INSTANCE = /(?:^|;)\s*i\s*=\s*(\d{1,2})\s*(?:;|$)/
const STATUS = /(?:^|;)\s*cv\s*=\s*([A-Za-z]{1,10})\s*(?:;|$)/

/** In the order of section 5.1.1: by instance, and within one results, signature, seal. */
function readChain(header: readonly RawField[]): Chain {
  const found = [AAR, AMS, AS].flatMap((name, order) =>
    header
      .filter((field) => field.name.toLowerCase() === name.toLowerCase())
      .map((field) => ({ field, order, instance: Number(INSTANCE.exec(textAfter(field))?.[1] ?? 0) })),
  )
  const ordered = found.sort((a, b) => a.instance - b.instance || a.order - b.order)
  const last = ordered.at(-1)
  return {
    highest: last?.instance ?? 0,
    newest: last?.order === 2 ? (STATUS.exec(textAfter(last.field))?.[1]?.toLowerCase() ?? null) : null,
    sets: ordered.map(({ field }) => field),
  }
}

const textAfter = ({ text }: RawField): string => text.slice(text.indexOf(':') + 1, text.indexOf(':') + 16_384)
