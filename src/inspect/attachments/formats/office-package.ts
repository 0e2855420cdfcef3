import { spendBytes, spendWork } from '../budget.ts'
import { damaged } from '../failure.ts'
import type { Visit } from '../reader.ts'
import { canTry, decryptAgile, opensAgile, readAgile } from './office-agile.ts'
import { DEFAULT_PASSWORDS, readCryptoApi } from './office-binary.ts'
import { decryptEcb, opensStandard } from './office-standard.ts'
import type { OleFile } from './ole-file.ts'
import { u64 } from './zip-records.ts'

/** Longest description of an encryption that is read; Office writes one to five thousand bytes. */
const MOST_XML = 32 * 1024

interface Result {
  readonly kind: string
  /** The package in plain, where a default password opens it. */
  readonly content: Buffer | null
  readonly isOpen: boolean
}

/**
 * A new Office document, encrypted (ECMA-376 in MS-OFFCRYPTO 2.3.4). Office's own default passwords
 * are tried; what they open is `readable`, and looked into.
 */
export function readEncryptedPackage(visit: Visit, file: OleFile, hasDataSpaces: boolean): void {
  const info = file.find('EncryptionInfo')
  if (info === undefined) {
    visit.note('encrypted', hasDataSpaces ? 'rights management (IRM)' : 'encrypted package')
    return
  }
  const stream = file.find('EncryptedPackage') ?? damaged('its directory is damaged')
  let result: Result = { kind: 'Office password', content: null, isOpen: false }
  try {
    result = open(visit, file.read(info), () => file.read(stream))
  } finally {
    if (!result.isOpen) visit.note('encrypted', result.kind)
  }
  if (!result.isOpen) return
  visit.note('readable', `${result.kind}, opens with Office's default password`)
  if (result.content !== null) visit.child('EncryptedPackage', result.content)
}

function open(visit: Visit, info: Buffer, read: () => Buffer): Result {
  const major = info.readUInt16LE(0)
  const minor = info.readUInt16LE(2)
  if (major === 4 && minor === 4) return openAgile(visit, info, read)
  if (minor === 2 && major >= 2 && major <= 4) return openStandard(visit, info, read)
  return { kind: 'Office password (extensible encryption)', content: null, isOpen: false }
}

function openAgile(visit: Visit, info: Buffer, read: () => Buffer): Result {
  const { limits, budget } = visit
  const agile = readAgile(info.toString('utf8', 8, MOST_XML))
  const closed = { kind: 'Office password (agile encryption)', content: null, isOpen: false }
  if (agile.password === null) return { ...closed, kind: 'Office certificate' }
  if (!canTry(agile.password, limits.maxSpins)) return closed
  for (const password of DEFAULT_PASSWORDS) {
    const key = opensAgile(agile.password, password, budget)
    if (key === null) continue
    const content = contentOf(visit, read(), (packed) => decryptAgile(agile.data, key, packed))
    return { kind: 'agile encryption', content, isOpen: true }
  }
  return closed
}

function openStandard(visit: Visit, info: Buffer, read: () => Buffer): Result {
  const api = readCryptoApi(info)
  for (const password of DEFAULT_PASSWORDS) {
    const key = opensStandard(api, password, visit)
    if (key === null) continue
    const content = contentOf(visit, read(), (packed) => decryptEcb(key, packed))
    return { kind: 'standard encryption', content, isOpen: true }
  }
  return { kind: 'Office password (standard encryption)', content: null, isOpen: false }
}

/** 2.3.4.4: the size in plain stands in front. */
function contentOf(visit: Visit, stream: Buffer, decrypt: (packed: Buffer) => Buffer | null): Buffer | null {
  spendBytes(visit.budget, stream.length)
  spendWork(visit.budget, stream.length * 4)
  const size = u64(stream, 0)
  const content = decrypt(stream.subarray(8))
  if (content === null) return null
  return size <= content.length ? content.subarray(0, size) : damaged('ends too early')
}
