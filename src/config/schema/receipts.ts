import { type Context, path } from '../context.ts'
import { optional, section } from '../fields.ts'

/** Certificates of what became of a message. */
export const receipts = (context: Context) =>
  section({
    key: optional(
      path(context),
      'keys/receipts.pem',
      'no receipts are made',
      'The private key (Ed25519, PEM) that receipts are signed with; postern receipt keygen makes one. Nobody but its owner may read it.',
    ),
  })
