import { attempt } from '../attempt.ts'
import type { Format, Visit } from '../reader.ts'
import { readBiff } from './excel.ts'
import { readEncryptedPackage } from './office-package.ts'
import { isOle, type OleEntry, OleFile } from './ole-file.ts'
import { readOle10Native } from './ole-native.ts'
import { readMessageFile } from './outlook.ts'
import { readPowerPoint } from './powerpoint.ts'
import { readWord } from './word.ts'

const MSI_CLSID = '84100c0000000000c000000000000046'

/** Compound files: old Office documents, encrypted new ones, Outlook messages, installers. Every stream is read. */
export const ole: Format = { name: 'compound file', matches: isOle, read }

function read(visit: Visit): void {
  const file = new OleFile(visit.bytes, visit.budget)
  const names = new Set(
    file.streams.filter(({ parents }) => parents.length === 0).map(({ name }) => name.toLowerCase()),
  )
  visit.name(nameOf(names))
  if (file.root.clsid === MSI_CLSID) visit.block('installer', 'a Windows installer')
  noteRights(visit, file)
  noteVba(visit, file)
  const isDrm = file.storages.some(({ name }) => name === '\x06DataSpaces')
  if (names.has('encryptedpackage')) attempt(visit, 'EncryptedPackage', () => readEncryptedPackage(visit, file, isDrm))
  for (const entry of file.streams) attempt(visit, shown(entry), () => readStream(visit, file, entry))
  if (names.has('__properties_version1.0')) readMessageFile(visit, file)
}

function nameOf(names: ReadonlySet<string>): string {
  if (names.has('encryptedpackage')) return 'Office document'
  if (names.has('worddocument')) return 'Word document'
  if (names.has('workbook') || names.has('book')) return 'Excel workbook'
  if (names.has('powerpoint document')) return 'PowerPoint presentation'
  if (names.has('visiodocument')) return 'Visio drawing'
  return names.has('__properties_version1.0') ? 'Outlook message' : 'compound file'
}

/** Names of streams may begin with a control character. */
const shown = ({ parents, name }: OleEntry): string => [...parents, name].join('/')

/** MS-OFFCRYPTO 2.2: rights management replaces the content and keeps it under this name. */
function noteRights(visit: Visit, file: OleFile): void {
  const isRights = ({ name }: OleEntry) => /DRMContent|DRMEncrypted|DRMViewerContent/u.test(name)
  if (file.entries.some(isRights)) visit.note('encrypted', 'rights management (IRM)')
}

/** MS-OVBA 2.2: a storage VBA with a stream dir, or _VBA_PROJECT. */
function noteVba(visit: Visit, file: OleFile): void {
  const isVba = ({ name, parents }: OleEntry) =>
    /^_VBA_PROJECT(?:_CUR)?$/iu.test(name) || (/^dir$/iu.test(name) && /^VBA$/iu.test(parents.at(-1) ?? ''))
  if (file.entries.some(isVba)) visit.block('macro', 'a macro')
}

function readStream(visit: Visit, file: OleFile, entry: OleEntry): void {
  const name = entry.name.toLowerCase()
  const bytes = file.read(entry)
  if (name === 'worddocument') readWord(visit, file, entry, bytes)
  else if (name === 'workbook' || name === 'book') readBiff(visit, bytes)
  else if (name === 'powerpoint document') readPowerPoint(visit, file, entry, bytes)
  else if (name === '\x01ole10native') readOle10Native(visit, bytes)
  else if (name === 'package' || name === 'contents') visit.child(shown(entry), bytes)
}
