import type { KeyObject } from 'node:crypto'
import type { JobInput } from '../pool/job.ts'

/** The service's own signature, put on the message before it is encrypted. */
export interface SmimeSigner {
  /** Private RSA key: PEM, or a key that was read already. */
  readonly key: string | KeyObject
  /** PEM. */
  readonly certificate: string
  /** Certificates between that one and the authority, PEM. */
  readonly chain?: readonly string[]
}

/** The message itself is the content of the job: `pool.run('encrypt', args, content)`. */
export interface EncryptArgs {
  /** Whoever holds one of their keys can open it. PEM, RSA, at least one. */
  readonly certificates: readonly string[]
  readonly sign: SmimeSigner | null
  /** What stands in the Subject that everybody can see; null leaves the header as it is. */
  readonly outerSubject: string | null
  /** Larger messages are refused, bytes. Default 128 MiB. */
  readonly maxBytes?: number
  /** More certificates are refused. Default 100. */
  readonly maxCertificates?: number
}

export interface Encrypted {
  /** The whole new message, header and body, with CRLF line ends. */
  readonly message: Uint8Array
}

/** Makes an S/MIME message (RFC 8551) of the message that is the job's content. */
export async function encryptJob(_args: EncryptArgs, _input: JobInput): Promise<Encrypted> {
  throw new Error('not built yet')
}
