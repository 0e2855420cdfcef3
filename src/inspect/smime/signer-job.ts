import type { JobInput } from '../pool/job.ts'

export interface SignerArgs {
  /** Larger messages are not looked at, bytes. */
  readonly maxBytes: number
}

/** Who signed a message: a signature that holds, by a certificate that nobody has looked at yet. */
export interface Signer {
  /** PEM. */
  readonly certificate: string
  /** What else came along, PEM. */
  readonly others: readonly string[]
}

/** `why`: there is no signature that can be verified, or it does not hold. */
export type SignerFound = { readonly signer: Signer } | { readonly signer: null; readonly why: string }

/** Verifies the S/MIME signature of the message that is the job's content (multipart/signed, RFC 8551 section 3.5.3). */
export async function signerJob({ maxBytes }: SignerArgs, input: JobInput): Promise<SignerFound> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of input.stream()) {
    size += piece.length
    if (size > maxBytes) return { signer: null, why: 'it is too large' }
    pieces.push(piece)
  }
  const { signerOf } = await import('./signed.ts')
  return signerOf(Buffer.concat(pieces))
}
