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

const MOST_BYTES = 128 * 1024 * 1024
const MOST_CERTIFICATES = 100

/** Makes an S/MIME message (RFC 8551) of the message that is the job's content. */
export async function encryptJob(args: EncryptArgs, input: JobInput): Promise<Encrypted> {
  const { certificates, sign, outerSubject, maxBytes = MOST_BYTES, maxCertificates = MOST_CERTIFICATES } = args
  if (certificates.length === 0) throw new Error('there is no certificate to encrypt with')
  if (certificates.length > maxCertificates) throw new Error(`${certificates.length} certificates are too many`)
  const message = await collected(input, maxBytes)
  // loaded by the threads that need it, and when they do
  const { smimeMessage } = await import('./message.ts')
  // a worker thread, where the clock of the seam does not reach
  const made = smimeMessage(message, { certificates, sign, outerSubject, now: Date.now() })
  return { message: alone(made) }
}

async function collected(input: JobInput, most: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of input.stream()) {
    size += piece.length
    if (size > most) throw new Error(`the message has more than ${most} bytes`)
    pieces.push(piece)
  }
  const [only] = pieces
  return pieces.length === 1 && only !== undefined ? only : Buffer.concat(pieces)
}

/** Bytes that share memory with others would take all of it along to the main thread. */
const alone = (bytes: Buffer): Uint8Array => (bytes.buffer.byteLength === bytes.length ? bytes : new Uint8Array(bytes))
