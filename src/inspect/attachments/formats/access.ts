import { spendWork } from '../budget.ts'
import { rc4 } from '../codec/rc4.ts'
import type { Format, Visit } from '../reader.ts'

/** What jackcess and mdbtools found out about the first page of Jet and ACE databases. */
const KEY_OF_HEADER = Buffer.from('c7da396b', 'hex')
const MASKED = 0x18
const PAGE_KEY = 0x3e
const PASSWORD = 0x42
const DATE = 0x72
/** Where ACE keeps an EncryptionInfo of Office (MS-OFFCRYPTO 2.3), behind its length. */
const ENCRYPTION_INFO = 0x299

export const access: Format = {
  name: 'Access database',
  matches: (bytes) => {
    const kind = bytes.toString('latin1', 4, 19)
    return bytes.length > 20 && (kind === 'Standard Jet DB' || kind === 'Standard ACE DB')
  },
  read,
}

function read(visit: Visit): void {
  const { bytes } = visit
  spendWork(visit.budget, 10_000)
  const version = bytes.readUInt8(20)
  const pageSize = version === 0 ? 2048 : 4096
  const header = unmasked(bytes, version)
  const isAce = version >= 2
  if (isAce && hasEncryptionInfo(bytes)) {
    visit.note('encrypted', 'Access password (Office encryption)')
    return
  }
  const hasPassword = passwordBytes(header, version).some((byte) => byte !== 0)
  const isEncoded = header.readUInt32LE(PAGE_KEY) !== 0
  if (hasPassword) visit.note('encrypted', `Access password${isEncoded ? '' : ', asked for but not used to encrypt'}`)
  else if (isEncoded) visit.note('readable', 'encoded pages, no password')
  if (bytes.length < pageSize * 2 || bytes.length % pageSize !== 0) visit.note('suspicious', 'ends too early')
}

/** A length, and a version of Office's encryption behind it. */
function hasEncryptionInfo(bytes: Buffer): boolean {
  if (bytes.readUInt16LE(ENCRYPTION_INFO) === 0) return false
  const major = bytes.readUInt16LE(ENCRYPTION_INFO + 2)
  const minor = bytes.readUInt16LE(ENCRYPTION_INFO + 4)
  return major >= 1 && major <= 4 && minor >= 1 && minor <= 4
}

/** The first 0xA0 bytes without the mask that all files share. */
function unmasked(bytes: Buffer, version: number): Buffer {
  const length = version === 0 ? 126 : 128
  const masked = bytes.subarray(MASKED, MASKED + length)
  const header = Buffer.concat([bytes.subarray(0, MASKED), rc4(KEY_OF_HEADER, masked)])
  return header
}

/** The password's bytes, zero where there is none. From Jet 4 on they are masked by the date of creation too. */
function passwordBytes(header: Buffer, version: number): Buffer {
  const stored = header.subarray(PASSWORD, PASSWORD + (version === 0 ? 20 : 40))
  if (version === 0) return stored
  const mask = Buffer.alloc(4)
  mask.writeInt32LE(Math.trunc(header.readDoubleLE(DATE)) | 0)
  return Buffer.from(stored.map((byte, i) => byte ^ (mask[i % 4] ?? 0)))
}
