import { spendWork } from '../budget.ts'
import type { Format, Visit } from '../reader.ts'
import { DEFAULT_PASSWORDS, noteOpened, openBinary, xorVerifier } from './office-binary.ts'

/** MS-XLS 2.4: records of the workbook's globals. */
const RECORD = { filePass: 0x2f, boundSheet: 0x85, end: 0x0a } as const
const MACRO_SHEET = 1

/** Workbooks of Excel 2 to 4, which are a stream of records without a compound file around it. */
export const bareBiff: Format = {
  name: 'Excel workbook',
  matches: (bytes) => bytes.length >= 6 && isBeginning(bytes),
  read: (visit) => readBiff(visit, visit.bytes),
}

function isBeginning(bytes: Buffer): boolean {
  const type = bytes.readUInt16LE(0)
  const length = bytes.readUInt16LE(2)
  const kind = bytes.length >= 8 ? bytes.readUInt16LE(6) : 0
  if (![0x0009, 0x0209, 0x0409].includes(type) || (length !== 4 && length !== 6 && length !== 8)) return false
  return [0x10, 0x20, 0x40, 0x100].includes(kind)
}

/** Reads the globals: FILEPASS stands among their first records, BOUNDSHEET says what a sheet is. */
export function readBiff(visit: Visit, bytes: Buffer): void {
  let hasPassword = false
  for (let at = 0; at + 4 <= bytes.length; ) {
    spendWork(visit.budget, 20)
    const type = bytes.readUInt16LE(at)
    const dataAt = at + 4
    const end = dataAt + bytes.readUInt16LE(at + 2)
    if (type === RECORD.filePass) {
      hasPassword = true
      readFilePass(visit, bytes.subarray(dataAt, Math.min(end, bytes.length)))
    }
    if (end > bytes.length) {
      visit.note('suspicious', 'ends too early')
      return
    }
    // the rest of an encrypted BOUNDSHEET cannot be read
    if (type === RECORD.boundSheet && !hasPassword && bytes[dataAt + 5] === MACRO_SHEET) {
      visit.block('macro', 'Excel 4 macros')
    }
    if (type === RECORD.end) return
    at = end
  }
  visit.note('suspicious', 'ends too early')
}

/** MS-XLS 2.4.117. */
function readFilePass(visit: Visit, data: Buffer): void {
  const isOld = data.length === 4
  noteOpened(visit, 'Excel', () => {
    const isXor = isOld || data.readUInt16LE(0) === 0
    if (!isXor) return openBinary(data.subarray(2), DEFAULT_PASSWORDS, visit)
    const verifier = data.readUInt16LE(isOld ? 2 : 4)
    return { kind: 'XOR', password: DEFAULT_PASSWORDS.find((password) => xorVerifier(password) === verifier) ?? null }
  })
}
