import { type Context, path } from '../context.ts'
import { key, optional, section } from '../fields.ts'
import { duration } from '../kinds.ts'

/** The record of what happened to each message. */
export const ledger = (context: Context) =>
  section({
    retention: key(
      duration('1d', '3650d'),
      '90d',
      'How long it can be asked what became of a message. Older entries are dropped.',
    ),
    key: optional(
      path(context),
      'keys/ledger.pem',
      'checkpoints are not signed',
      'The private key (Ed25519, PEM) that checkpoints of the record are signed with, so that who can write to it cannot make up another unnoticed; postern receipt keygen makes one. Nobody but its owner may read it.',
    ),
    checkpoint: key(
      duration('1m', '1d'),
      '15m',
      'How often a checkpoint is written, and told to the log, while there is anything new; every 8192 entries besides.',
    ),
  })
