import { damaged } from '../failure.ts'
import type { Visit } from '../reader.ts'
import { DEFAULT_PASSWORDS, noteOpened, openBinary } from './office-binary.ts'
import type { OleEntry, OleFile } from './ole-file.ts'

/** MS-DOC 2.5.2, FibBase. Word 6 and 95 have the same bits at the same place. */
const ENCRYPTED = 0x0100
const SECOND_TABLE = 0x0200
const OBFUSCATED = 0x8000
const MAGIC = new Set([0xa5ec, 0xa5dc, 0xa5db, 0xa697, 0xa698, 0xa699])

/** Reads the flags at the head of the stream WordDocument. */
export function readWord(visit: Visit, file: OleFile, entry: OleEntry, bytes: Buffer): void {
  if (!MAGIC.has(bytes.readUInt16LE(0))) visit.note('suspicious', 'its header is damaged')
  const flags = bytes.readUInt16LE(10)
  if ((flags & ENCRYPTED) === 0) return
  if ((flags & OBFUSCATED) !== 0) {
    visit.note('encrypted', 'Word password (XOR)')
    return
  }
  noteOpened(visit, 'Word', () => {
    const table = file.find((flags & SECOND_TABLE) !== 0 ? '1Table' : '0Table', entry.parents)
    return table === undefined
      ? damaged('its table is missing')
      : openBinary(file.read(table), DEFAULT_PASSWORDS, visit)
  })
}
