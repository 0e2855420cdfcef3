import type { Plain } from './canonical-json.ts'

/**
 * A certificate of what became of one message, as the relay's record has it: no content, no subject.
 * Moments are ISO 8601 in UTC, sizes bytes, hashes lower-case hex SHA-256; null is what nobody knows.
 */
export interface Receipt {
  readonly [name: string]: Plain
  readonly type: typeof RECEIPT_TYPE
  readonly version: 1
  readonly relay: string
  readonly madeAt: string
  /** Whether every recipient has come to its end. */
  readonly final: boolean
  readonly message: ReceiptMessage
  readonly recipients: readonly ReceiptRecipient[]
  /** Where the record has it; null where the record has no such places. */
  readonly ledger: ReceiptLedger | null
}

export const RECEIPT_TYPE = 'postern-receipt'

export interface ReceiptMessage {
  readonly [name: string]: Plain
  readonly queueId: string
  readonly messageId: string | null
  readonly receivedAt: string
  readonly client: string | null
  readonly address: string | null
  readonly helo: string | null
  readonly user: string | null
  readonly tls: ReceiptTls | null
  /** `<>` for the null reverse-path. */
  readonly sender: string | null
  /** With the trace field of this relay. */
  readonly size: number | null
  /** Of the content as it came. */
  readonly sha256Received: string | null
  /** Of what went on below the trace field of this relay. */
  readonly sha256Sent: string | null
  /** Marked as sensitive: it goes over a proven path alone. */
  readonly sensitive: boolean
  /** Such as `1 of 2`, where what the client sent became several messages. */
  readonly split: string | null
}

export interface ReceiptTls {
  readonly [name: string]: Plain
  readonly protocol: string
  readonly cipher: string | null
  readonly fingerprint: string | null
  /** Null where it was not asked. */
  readonly verified: boolean | null
}

export interface ReceiptRecipient {
  readonly [name: string]: Plain
  readonly address: string
  readonly state: string
  readonly final: boolean
  /** When it came to this. */
  readonly at: string
  readonly reply: string | null
  /** The way that it took; null where it took none. */
  readonly path: ReceiptPath | null
  /** The operator who removed it. */
  readonly by: string | null
  /** Whether the sender was told of a failure; null where it was none, or nobody knows. */
  readonly senderTold: boolean | null
}

export interface ReceiptPath {
  readonly [name: string]: Plain
  readonly host: string
  readonly address: string | null
  readonly port: number | null
  /** Null: in clear, or without a record of it. */
  readonly tls: ReceiptTls | null
  readonly clear: boolean
  /** Which policy decided, and what the path proves. */
  readonly policy: string | null
  readonly proves: string | null
}

export interface ReceiptLedger {
  readonly [name: string]: Plain
  /** Numbers of the entries, in order. */
  readonly entries: readonly number[]
  /** The chain's hash at the last of them. */
  readonly hash: string | null
}

/** A receipt with its signature: what stands in the file, as canonical JSON and one line end. */
export interface SignedReceipt {
  readonly [name: string]: Plain
  readonly receipt: Receipt
  readonly signature: ReceiptSignature
}

export interface ReceiptSignature {
  readonly [name: string]: Plain
  readonly algorithm: 'Ed25519'
  /** SHA-256 of the public key (DER, SubjectPublicKeyInfo), lower-case hex. */
  readonly keyId: string
  /** The same key, base64. Which key is to be trusted the reader must know from elsewhere. */
  readonly publicKey: string
  /** Of the canonical JSON of `receipt` in UTF-8, base64. */
  readonly value: string
}
