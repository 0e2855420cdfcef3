import type { BlockRule } from '../finding.ts'

interface Signature {
  readonly rule: BlockRule
  readonly what: string
  matches(bytes: Buffer): boolean
}

const LOOK = 65_536

const starts =
  (...heads: (string | readonly number[])[]) =>
  (bytes: Buffer): boolean =>
    heads.some((head) => has(bytes, 0, head))

function has(bytes: Buffer, at: number, wanted: string | readonly number[]): boolean {
  const pattern = typeof wanted === 'string' ? Buffer.from(wanted, 'latin1') : Buffer.from(wanted)
  return (
    at >= 0 &&
    bytes.length >= at + pattern.length &&
    bytes.compare(pattern, 0, undefined, at, at + pattern.length) === 0
  )
}

/** MZ alone begins plain text too, so a program shows its second header or bytes that are no text. */
function isWindowsProgram(bytes: Buffer): boolean {
  if (!has(bytes, 0, 'MZ') || bytes.length < 64) return false
  const second = bytes.readUInt32LE(60)
  return ['PE\0\0', 'NE', 'LE', 'LX'].some((head) => has(bytes, second, head)) || bytes.subarray(0, 64).includes(0)
}

/** Text of the start in lower case, white space and a byte order mark left out in front. */
function opening(bytes: Buffer, length: number): string {
  const head = bytes.subarray(0, length)
  const wide = has(head, 0, [0xff, 0xfe])
  return head
    .toString(wide ? 'utf16le' : 'latin1')
    .replace(/^(?:\u00ef\u00bb\u00bf|\ufeff)?\s*/u, '')
    .toLowerCase()
}

const isScript = (bytes: Buffer): boolean => {
  const head = opening(bytes, 256)
  return /^#! ?\/|^@echo off|^#@~\^|^<\?php|^<job\b|^<package>\s*<job\b|^<scriptlet\b|^<component\b/u.test(head)
}

const isHtmlApplication = (bytes: Buffer): boolean =>
  isTextLike(bytes) && opening(bytes, LOOK).includes('<hta:application')

/** No control characters right at the start, unless as half of UTF-16. */
function isTextLike(bytes: Buffer): boolean {
  const isWide = bytes[0] === 0xff || bytes[0] === 0xfe
  return isWide || bytes.subarray(0, 16).every((byte) => byte >= 32 || (byte >= 9 && byte <= 13))
}

const isShortcutText = (bytes: Buffer): boolean =>
  /^\[(?:internetshortcut|shell|desktop entry)\]|^\[\{000214a0-/u.test(opening(bytes, 256))

const isRegistryText = (bytes: Buffer): boolean => /^(?:windows registry editor|regedit4)/u.test(opening(bytes, 256))

const isDiskImage = (bytes: Buffer): boolean =>
  has(bytes, 0x8001, 'CD001') ||
  has(bytes, 0x8001, 'BEA01') ||
  has(bytes, 0x8001, 'NSR0') ||
  has(bytes, bytes.length - 512, 'conectix') ||
  has(bytes, bytes.length - 512, 'koly') ||
  starts('conectix', 'vhdxfile', 'KDMV', 'QFI\xfb', '<<< ', 'MSWIM\0\0\0')(bytes)

const LNK = [0x4c, 0, 0, 0, 0x01, 0x14, 0x02, 0, 0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46]
const ONENOTE = [0xe4, 0x52, 0x5c, 0x7b, 0x8c, 0xd8, 0xa7, 0x4d, 0xae, 0xb1, 0x53, 0x78, 0xd0, 0x29, 0x96, 0xd3]
const MACH_O = [
  [0xfe, 0xed, 0xfa, 0xce],
  [0xfe, 0xed, 0xfa, 0xcf],
  [0xce, 0xfa, 0xed, 0xfe],
  [0xcf, 0xfa, 0xed, 0xfe],
]

const SIGNATURES: readonly Signature[] = [
  { rule: 'executable', what: 'a Windows program', matches: isWindowsProgram },
  { rule: 'executable', what: 'a Linux program', matches: starts('\x7fELF') },
  { rule: 'executable', what: 'a macOS program', matches: starts(...MACH_O) },
  { rule: 'executable', what: 'a Java or macOS program', matches: starts([0xca, 0xfe, 0xba, 0xbe]) },
  { rule: 'executable', what: 'an Android program', matches: starts('dex\n03') },
  { rule: 'executable', what: 'a WebAssembly program', matches: starts('\0asm') },
  { rule: 'script', what: 'a script', matches: isScript },
  { rule: 'script', what: 'a file of registry keys', matches: isRegistryText },
  { rule: 'html-application', what: 'an HTML application', matches: isHtmlApplication },
  { rule: 'shortcut', what: 'a shortcut', matches: (bytes) => starts(LNK)(bytes) || isShortcutText(bytes) },
  { rule: 'disk-image', what: 'a disk image', matches: isDiskImage },
  { rule: 'help-file', what: 'a compiled help file', matches: starts('ITSF', [0x3f, 0x5f, 0x03, 0x00]) },
  { rule: 'notebook', what: 'a OneNote notebook', matches: starts(ONENOTE) },
]

/** Looks at the start (at most 64 KiB of it as text) and the end of a file. */
export function contentFaults(bytes: Buffer): { rule: BlockRule; what: string }[] {
  return SIGNATURES.filter((signature) => signature.matches(bytes))
}
