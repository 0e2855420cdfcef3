import { type Context, path } from '../context.ts'
import { key, optional, section } from '../fields.ts'
import { choice } from '../kinds.ts'

/** S/MIME certificates of recipients. */
export const certificates = (context: Context) =>
  section({
    file: key(
      path(context),
      '$STATE/certificates.jsonl',
      'Where they lie. The postern certificate commands change it; nobody should by hand.',
    ),
    authorities: optional(
      path(context),
      'authorities.pem',
      'no authority is trusted, and nothing is learnt',
      "A PEM file of the authorities that vouch for people's certificates.",
    ),
    trust: key(
      choice('pinned', 'chain'),
      'pinned',
      'What an operator may add. pinned: an operator answers for it. chain: only what an authority has signed too.',
    ),
  })
