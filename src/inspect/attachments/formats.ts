import { type Budget, spendWork } from './budget.ts'
import { access } from './formats/access.ts'
import { cms, pfx } from './formats/cms.ts'
import { bareBiff } from './formats/excel.ts'
import { message } from './formats/message.ts'
import { ole } from './formats/ole.ts'
import { gzip, unreadFormats, xz, zstd } from './formats/packed.ts'
import { pdf } from './formats/pdf.ts'
import { pgp, pgpMime } from './formats/pgp.ts'
import { isRar4At, rar4 } from './formats/rar4.ts'
import { isRar5At, rar5 } from './formats/rar5.ts'
import { rightsMessage } from './formats/rights-message.ts'
import { isSevenZipAt, sevenZip } from './formats/sevenzip.ts'
import { tar } from './formats/tar.ts'
import { pem } from './formats/text.ts'
import { tnef } from './formats/tnef.ts'
import { endsAsZip, zip } from './formats/zip.ts'
import type { Limits } from './limits.ts'
import type { Format, Part } from './reader.ts'

/** In this order; those with a signature of many bytes come first. */
const FORMATS: readonly Format[] = [
  pgpMime,
  zip,
  sevenZip,
  rar5,
  rar4,
  ole,
  gzip,
  xz,
  zstd,
  ...unreadFormats,
  access,
  tnef,
  rightsMessage,
  tar,
  cms,
  pfx,
  bareBiff,
  message,
  pdf,
  pem,
  pgp,
]

/** The format that the bytes are in, or null for one that holds nothing to look into. */
export function formatOf(part: Part): Format | null {
  return FORMATS.find((format) => format.matches(part.bytes, part)) ?? null
}

interface Behind {
  readonly format: Format
  readonly bytes: Buffer
}

/**
 * An archive that begins behind something else: behind a program that unpacks it, or a picture that
 * hides it. ZIP is found from its end, as programs find it; others in the first `maxStubBytes`.
 */
export function archiveBehindStub(bytes: Buffer, format: Format | null, limits: Limits, budget: Budget): Behind | null {
  if (format !== null && format !== pdf) return null
  spendWork(budget, Math.min(bytes.length, 70_000))
  if (endsAsZip(bytes)) return { format: zip, bytes }
  const head = bytes.subarray(0, limits.maxStubBytes)
  spendWork(budget, head.length)
  return (
    behind(bytes, head, '377abcaf271c', sevenZip, isSevenZipAt, budget) ??
    behind(bytes, head, '526172211a070100', rar5, isRar5At, budget) ??
    behind(bytes, head, '526172211a0700', rar4, isRar4At, budget)
  )
}

type Check = (bytes: Buffer, at: number) => boolean

function behind(
  bytes: Buffer,
  head: Buffer,
  signature: string,
  format: Format,
  check: Check,
  budget: Budget,
): Behind | null {
  const wanted = Buffer.from(signature, 'hex')
  for (let at = head.indexOf(wanted); at >= 0; at = head.indexOf(wanted, at + 1)) {
    spendWork(budget, 5000)
    if (check(bytes, at)) return { format, bytes: bytes.subarray(at) }
  }
  return null
}
