import type { Visit } from '../reader.ts'

/** MS-OLEDS 2.3.6: a file that was put into a document, with its name and where it came from. */
export function readOle10Native(visit: Visit, bytes: Buffer): void {
  if (bytes.length < 8) return
  const label = cString(bytes, 6)
  const source = cString(bytes, label.end)
  const temporaryAt = source.end + 8
  if (bytes.readUInt16LE(4) !== 2 || temporaryAt > bytes.length) {
    visit.child('embedded object', bytes.subarray(4))
    return
  }
  const dataAt = source.end + 8 + bytes.readUInt32LE(source.end + 4)
  const size = bytes.readUInt32LE(dataAt)
  visit.child(label.text === '' ? 'embedded file' : label.text, bytes.subarray(dataAt + 4, dataAt + 4 + size))
}

function cString(bytes: Buffer, at: number): { text: string; end: number } {
  const zero = bytes.indexOf(0, at)
  const end = zero < 0 ? bytes.length : zero
  return { text: bytes.toString('latin1', at, Math.min(end, at + 512)), end: end + 1 }
}
