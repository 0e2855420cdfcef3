import { extensionOf } from './blocked/names.ts'
import type { Part } from './reader.ts'

/** Extensions of formats that are always told by their content; what is none of them under such a name is damaged or hides. */
const BY_EXTENSION: Readonly<Record<string, string>> = entries([
  ['ZIP archive', 'zip'],
  ['7z archive', '7z'],
  ['RAR archive', 'rar'],
  ['gzip file', 'gz tgz'],
  ['xz file', 'xz txz'],
  ['tar archive', 'tar'],
  ['Office document', 'docx docm dotx dotm xlsx xlsm xltx xltm xlsb pptx pptm ppsx ppsm potx potm'],
  ['Office document', 'doc dot xls xlt ppt pps pot'],
  ['Outlook message', 'msg'],
  ['OpenDocument file', 'odt ods odp odg ott ots otp'],
  ['iWork document', 'pages numbers'],
  ['PDF document', 'pdf'],
  ['Access database', 'accdb mdb accde mde'],
  ['S/MIME message', 'p7m'],
  ['key store', 'p12 pfx'],
  ['PGP message', 'pgp gpg'],
  ['book', 'epub'],
])

const BY_TYPE: Readonly<Record<string, string>> = entries([
  ['ZIP archive', 'application/zip application/x-zip-compressed'],
  ['7z archive', 'application/x-7z-compressed'],
  ['RAR archive', 'application/vnd.rar application/x-rar-compressed'],
  ['PDF document', 'application/pdf'],
  ['S/MIME message', 'application/pkcs7-mime application/x-pkcs7-mime'],
])

/** Formats that programs also write as text, HTML or RTF under the same name. */
const MAY_BE_TEXT = new Set('doc dot xls xlt ppt pps pot msg pgp gpg p7m mdb'.split(' '))

function entries(list: readonly (readonly [string, string])[]): Record<string, string> {
  return Object.fromEntries(list.flatMap(([what, keys]) => keys.split(' ').map((key) => [key, what])))
}

/** What the name or the declared type promises of a part that is in no format known here; null where it promises nothing. */
export function brokenPromise({ filename, declaredType, bytes }: Part): string | null {
  if (bytes.length === 0) return null
  const extension = extensionOf(filename ?? '')
  const isOffice = /^application\/vnd\.(?:openxmlformats-officedocument|oasis\.opendocument)\./u.test(
    declaredType ?? '',
  )
  const promised = own(BY_EXTENSION, extension) ?? own(BY_TYPE, declaredType ?? '') ?? (isOffice ? 'document' : null)
  if (promised === null || (MAY_BE_TEXT.has(extension) && isText(bytes))) return null
  return promised
}

const own = (map: Readonly<Record<string, string>>, key: string): string | null =>
  Object.hasOwn(map, key) ? (map[key] ?? null) : null

/** A beginning without control characters, and long enough to tell. */
function isText(bytes: Buffer): boolean {
  const head = bytes.subarray(0, 1024)
  if (head.length < 16) return false
  const isWide = (head[0] === 0xff && head[1] === 0xfe) || (head[0] === 0xfe && head[1] === 0xff)
  return isWide || head.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13))
}
