import { spendWork } from '../budget.ts'
import type { Visit } from '../reader.ts'
import type { CentralHeader } from './zip-records.ts'

/** What a package that is a ZIP archive is called, by its members. */
export function nameOfPackage(central: readonly CentralHeader[], visit: Visit): string {
  spendWork(visit.budget, central.length * 100)
  const names = new Set(central.map(({ name }) => name))
  if (names.has('[Content_Types].xml')) return officeName(names)
  if (names.has('META-INF/container.xml')) return 'EPUB book'
  if (names.has('META-INF/manifest.xml') && (names.has('content.xml') || names.has('mimetype'))) {
    return 'OpenDocument file'
  }
  const isIwork = ['index.xml', 'index.apxl', 'Index/Document.iwa', 'Index.zip', '.iwph'].some((name) =>
    names.has(name),
  )
  return isIwork && (names.has('buildVersionHistory.plist') || hasIwa(names)) ? 'iWork document' : 'ZIP archive'
}

function officeName(names: ReadonlySet<string>): string {
  if (names.has('word/document.xml')) return 'Word document'
  if (names.has('xl/workbook.xml') || names.has('xl/workbook.bin')) return 'Excel workbook'
  return names.has('ppt/presentation.xml') ? 'PowerPoint presentation' : 'Open Packaging file'
}

const hasIwa = (names: ReadonlySet<string>): boolean =>
  names.has('Index/Document.iwa') || names.has('Index.zip') || names.has('.iwph')

/** What the names of members alone say. */
export function notePackageNames(visit: Visit, central: readonly CentralHeader[]): void {
  for (const { name } of central) {
    if (/(?:^|\/)\.iwpv2?$|(?:^|\/)\.iwph$/u.test(name)) visit.note('encrypted', 'iWork password')
    if (name === 'META-INF/rights.xml') visit.note('encrypted', 'rights management')
    if (name === 'EncryptedPackage' || name === 'encrypted-package') visit.note('encrypted', 'encrypted package')
    if (/^(?:xl\/macrosheets\/|xl\/intlMacrosheets\/)/iu.test(name)) visit.block('macro', 'Excel 4 macros', name)
    if (/(?:^|\/)vbaProject\.bin$/iu.test(name)) visit.block('macro', 'a macro', name)
    if (/^(?:Basic|Scripts)\/[^/]+\/(?!script-l[bc]\.xml$)[^/]+$/u.test(name)) visit.block('macro', 'a macro', name)
  }
}

/** What a member of a package says of the package. */
export function notePackageMember(visit: Visit, name: string, content: Buffer): void {
  if (name === 'META-INF/manifest.xml') noteManifest(visit, content)
  if (name === 'META-INF/encryption.xml') noteBookEncryption(visit, content)
  if (name === '[Content_Types].xml' && /macroEnabled|vbaProject|macrosheet/iu.test(textOf(visit, content))) {
    visit.block('macro', 'a document that may hold macros')
  }
}

/** OpenDocument 1.3 part 2, 4.4 and 4.8.1: `encryption-data` in the entry of an encrypted file. */
function noteManifest(visit: Visit, content: Buffer): void {
  const text = textOf(visit, content)
  if (!/<(?:[\w.-]+:)?encryption-data[\s/>]|<(?:[\w.-]+:)?encrypted-?key[\s/>]/iu.test(text)) return
  const cipher = /algorithm-name="[^"]*?([\w -]{1,40})"/u.exec(text)?.[1]
  visit.note('encrypted', `OpenDocument password${cipher === undefined ? '' : ` (${cipher})`}`)
}

/** EPUB 3.3, 4.2.6.3.1: fonts that are merely obfuscated can be read by anybody. */
function noteBookEncryption(visit: Visit, content: Buffer): void {
  const text = textOf(visit, content)
  for (const [, algorithm] of text.matchAll(/EncryptionMethod[^>]{0,200}?Algorithm\s*=\s*["']([^"']{0,200})/gu)) {
    if (algorithm !== undefined && !/idpf\.org\/2008\/embedding|ns\.adobe\.com\/pdf\/enc/u.test(algorithm)) {
      visit.note('encrypted', 'encrypted book')
    }
  }
}

/** The text of an XML member, whatever Unicode encoding it is in. */
function textOf(visit: Visit, content: Buffer): string {
  spendWork(visit.budget, content.length * 4)
  const [first, second] = content
  if (first === 0xff || second === 0) return content.toString('utf16le')
  if (first === 0xfe || first === 0)
    return Buffer.from(content.subarray(0, content.length & ~1))
      .swap16()
      .toString('utf16le')
  return content.toString('latin1')
}
