import { TextDecoder } from 'node:util'

/**
 * Character sets by TextDecoder, which knows those of the WHATWG Encoding standard with all their
 * labels: UTF-8, UTF-16, the ISO 8859 and Windows families, KOI8, IBM866, Macintosh, GBK, GB18030,
 * Big5, EUC-JP, ISO-2022-JP, Shift_JIS, EUC-KR. Not UTF-7, UTF-32, ISO-2022-KR, HZ, nor EBCDIC.
 */

/** Names seen in mail that the standard lacks. */
const ALIASES: Readonly<Record<string, string>> = {
  'cp-1252': 'windows-1252',
  cp936: 'gbk',
  cp949: 'euc-kr',
  cp950: 'big5',
  cp932: 'shift_jis',
  'windows-31j': 'shift_jis',
  'windows-936': 'gbk',
  '8bit': 'windows-1252',
  'iso-8859-8-e': 'iso-8859-8',
  'iso-2022-jp-1': 'iso-2022-jp',
  'iso-2022-jp-2': 'iso-2022-jp',
  'iso-2022-jp-ms': 'iso-2022-jp',
  utf8mb4: 'utf-8',
}

// only known labels come in, of which there are some 250
const decoders = new Map<string, TextDecoder>()

/** Decodes what stands in mail under that label; null where there is no decoder for it. Never throws when it decodes: what does not fit becomes U+FFFD. */
export function decoderFor(label: string): TextDecoder | null {
  const key = label.trim().toLowerCase()
  const known = decoders.get(key)
  if (known !== undefined) return known
  if (key.length > 40) return null
  try {
    const decoder = new TextDecoder(Object.hasOwn(ALIASES, key) ? ALIASES[key] : key)
    decoders.set(key, decoder)
    return decoder
  } catch {
    return null
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })

/** Bytes of which nobody says what they are: UTF-8 where they are that, else windows-1252, as mail readers do. */
export function decodeUnlabelled(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return new TextDecoder('windows-1252').decode(bytes)
  }
}

/** The text, and whether its character set is known. Null as label: none is given, which is us-ascii (RFC 2045 section 5.2). */
export function decodeText(
  bytes: Uint8Array,
  label: string | null,
): { readonly text: string; readonly known: boolean } {
  const decoder = label === null ? null : decoderFor(label)
  if (decoder === null) return { text: decodeUnlabelled(bytes), known: label === null }
  return { text: decoder.decode(bytes), known: true }
}

/** UTF-7 under any of its names: a filter that reads bytes sees another text than a reader that knows it. */
export const isUtf7 = (label: string): boolean => /utf-?7/i.test(label)
