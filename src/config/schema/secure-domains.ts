import { type Context, path } from '../context.ts'
import { key, required, section } from '../fields.ts'
import { duration } from '../kinds.ts'

export const secureDomains = (context: Context) =>
  section({
    file: required(
      path(context),
      'secure-domains.csv',
      'The register: CSV, one domain a line. "postern domain add" makes it and keeps it. A mistake in it is a mistake in the configuration.',
    ),
    warn: key(
      duration('0', '365d'),
      '30d',
      'How long before an entry expires "postern status" and "postern check" begin to say so.',
    ),
  })
