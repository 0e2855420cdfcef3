import { attempt } from '../attempt.ts'
import { spendItem, spendWork } from '../budget.ts'
import { unpack } from '../codec/unpack.ts'
import type { Visit } from '../reader.ts'
import { DEFAULT_PASSWORDS, noteOpened, openBinary } from './office-binary.ts'
import type { OleEntry, OleFile } from './ole-file.ts'

/** MS-PPT 2.13.24: types of records. */
const TYPE = { userEdit: 0x0ff5, persistDirectory: 0x1772, cryptSession: 0x2f14, oleStorage: 0x1011 } as const
const ENCRYPTED_TOKEN = 0xf3d1c4df

/** Whether the presentation is encrypted, and what objects it holds. */
export function readPowerPoint(visit: Visit, file: OleFile, entry: OleEntry, bytes: Buffer): void {
  const current = file.find('Current User', entry.parents)
  if (current === undefined) {
    visit.note('suspicious', 'its stream Current User is missing')
    return
  }
  const atom = file.read(current)
  const editAt = atom.readUInt32LE(16)
  const session = sessionOf(visit, bytes, editAt)
  if (session === null && atom.readUInt32LE(12) !== ENCRYPTED_TOKEN) {
    readObjects(visit, bytes)
    return
  }
  noteOpened(visit, 'PowerPoint', () =>
    session === null ? { kind: 'unknown encryption', password: null } : openBinary(session, DEFAULT_PASSWORDS, visit),
  )
}

/** 2.3.3 and 2.3.7: the last edit names the encryption session, the persist directory says where it lies. */
function sessionOf(visit: Visit, bytes: Buffer, editAt: number): Buffer | null {
  if (editAt + 36 > bytes.length || bytes.readUInt16LE(editAt + 2) !== TYPE.userEdit) {
    visit.note('suspicious', 'its last edit is missing')
    return null
  }
  if (bytes.readUInt32LE(editAt + 4) < 0x20) return null
  const wanted = bytes.readUInt32LE(editAt + 8 + 28)
  const at = persistOffset(visit, bytes, bytes.readUInt32LE(editAt + 8 + 12), wanted)
  if (at === null || at + 8 > bytes.length || bytes.readUInt16LE(at + 2) !== TYPE.cryptSession) return Buffer.alloc(4)
  return bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at + 4))
}

function persistOffset(visit: Visit, bytes: Buffer, at: number, wanted: number): number | null {
  if (at + 8 > bytes.length || bytes.readUInt16LE(at + 2) !== TYPE.persistDirectory) return null
  const end = Math.min(bytes.length, at + 8 + bytes.readUInt32LE(at + 4))
  for (let next = at + 8; next + 4 <= end; ) {
    spendWork(visit.budget, 20)
    const word = bytes.readUInt32LE(next)
    const first = word & 0xfffff
    const count = word >>> 20
    if (wanted >= first && wanted < first + count) return bytes.readUInt32LE(next + 4 + (wanted - first) * 4)
    next += 4 + count * 4
  }
  return null
}

/** 2.10.34 to 2.10.36: embedded objects, controls and macros are compound files, packed by zlib or not. */
function readObjects(visit: Visit, bytes: Buffer): void {
  for (let at = 0; at + 8 <= bytes.length; ) {
    spendWork(visit.budget, 20)
    const end = at + 8 + bytes.readUInt32LE(at + 4)
    if (end > bytes.length) {
      visit.note('suspicious', 'ends too early')
      return
    }
    if (bytes.readUInt16LE(at + 2) === TYPE.oleStorage) readObject(visit, bytes, at, end)
    at = end
  }
}

function readObject(visit: Visit, bytes: Buffer, at: number, end: number): void {
  spendItem(visit.budget)
  const isPacked = bytes.readUInt16LE(at) >> 4 === 1
  attempt(visit, 'embedded object', () => {
    const data = bytes.subarray(at + (isPacked ? 12 : 8), end)
    visit.child('embedded object', isPacked ? unpack(data, 'zlib', visit.limits, visit.budget) : data)
  })
}
