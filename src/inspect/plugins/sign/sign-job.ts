import { BodyHash } from '../../dkim/body.ts'
import { type RawField, rawFields } from '../../dkim/header.ts'
import { partMessage } from '../../dkim/input.ts'
import type { JobInput } from '../../pool/job.ts'
import { type SealArgs, sealFields } from './seal.ts'
import { chooseFields, fieldNames, type Signer, signedValue } from './signature.ts'

export interface SignArgs {
  /** Seconds since 1970. */
  readonly now: number
  /** Seconds since 1970 until which signatures are valid; null: for ever. */
  readonly until: number | null
  readonly signers: readonly Signer[]
  readonly fields: readonly string[]
  readonly oversign: readonly string[]
  readonly seal: SealArgs | null
  readonly headerBytes: number
}

type Field = readonly [name: string, value: string]

/** Signs a message, and seals it. Gives header fields to be put on top, one after the other. */
export async function signJob(args: SignArgs, input: JobInput): Promise<readonly Field[]> {
  const body = new BodyHash('relaxed')
  let header: RawField[] = []
  await partMessage(
    input,
    args.headerBytes,
    (bytes) => {
      header = rawFields(bytes)
    },
    (piece) => body.update(piece),
  )
  // one hash serves all signatures
  const bodyHash = body.digest()
  const signatures = args.signers.map((signer) => dkimField(header, bodyHash, args, signer))
  return [...signatures, ...(args.seal === null ? [] : sealFields(header, bodyHash, args.seal, args.now))]
}

/** RFC 6376 section 3.5, with relaxed/relaxed. */
function dkimField(header: readonly RawField[], bodyHash: string, args: SignArgs, signer: Signer): Field {
  const { names, text } = chooseFields(header, args.fields, args.oversign)
  const tags: [string, string][] = [
    ['v', '1'],
    ['a', signer.algorithm],
    ['c', 'relaxed/relaxed'],
    ['d', signer.domain],
    ['s', signer.selector],
    ['t', String(args.now)],
    ...(args.until === null ? [] : [['x', String(args.until)] as [string, string]]),
    ['h', fieldNames(names)],
    ['bh', bodyHash],
  ]
  return ['DKIM-Signature', signedValue('DKIM-Signature', tags, text, signer)]
}
