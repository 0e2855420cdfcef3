import { crc32, deflateRawSync } from 'node:zlib'
import {
  type AttachmentOptions,
  DEFAULT_OPTIONS,
  inspectPart,
  type PartVerdict,
} from '../../../../src/inspect/attachments/inspect.ts'
import type { Limits } from '../../../../src/inspect/attachments/limits.ts'

export interface ZipMember {
  readonly name: string
  readonly data?: Buffer | string
  readonly method?: 0 | 8
  /** Flags of both headers. */
  readonly flags?: number
  readonly localFlags?: number
  readonly centralFlags?: number
  readonly localName?: string
  readonly extra?: Buffer
  readonly crc?: number
  /** Lengths stand behind the data, not in the local header. */
  readonly described?: boolean
  /** The directory does not have it. */
  readonly unlisted?: boolean
}

/** A ZIP archive, right or wrong in every way that a member asks for. */
export function zipOf(members: readonly ZipMember[], { stub = Buffer.alloc(0), wide = false } = {}): Buffer {
  const local: Buffer[] = [stub]
  const central: Buffer[] = []
  let at = 0
  for (const member of members) {
    const made = zipMember(member, at)
    local.push(made.local)
    at += made.local.length
    if (member.unlisted !== true) central.push(made.central)
  }
  const directory = Buffer.concat(central)
  return Buffer.concat([...local, directory, zipEnd(central.length, directory.length, at, stub.length, wide)])
}

function zipMember(member: ZipMember, at: number): { local: Buffer; central: Buffer } {
  const { name, data = 'content', method = 0, flags = 0, extra = Buffer.alloc(0), described = false } = member
  const plain = Buffer.from(data)
  const packed = method === 8 ? deflateRawSync(plain) : plain
  const crc = member.crc ?? crc32(plain)
  const fixed = (itsFlags: number, lengths: boolean): Buffer => {
    const header = Buffer.alloc(22)
    header.writeUInt16LE(20, 0)
    header.writeUInt16LE(itsFlags | (described ? 8 : 0), 2)
    header.writeUInt16LE(method, 4)
    for (const [value, offset] of [
      [crc, 10],
      [packed.length, 14],
      [plain.length, 18],
    ] as const) {
      header.writeUInt32LE(lengths ? value : 0, offset)
    }
    return header
  }
  const lengths = (text: string): Buffer => {
    const both = Buffer.alloc(4)
    both.writeUInt16LE(Buffer.byteLength(text), 0)
    both.writeUInt16LE(extra.length, 2)
    return both
  }
  const behind = Buffer.alloc(described ? 16 : 0)
  if (described)
    for (const [value, offset] of [
      [0x08074b50, 0],
      [crc, 4],
      [packed.length, 8],
      [plain.length, 12],
    ] as const)
      behind.writeUInt32LE(value, offset)
  const localName = member.localName ?? name
  const tail = Buffer.alloc(14)
  tail.writeUInt32LE(at, 10)
  return {
    local: Buffer.concat([
      Buffer.from('PK\x03\x04'),
      fixed(member.localFlags ?? flags, !described),
      lengths(localName),
      Buffer.from(localName),
      extra,
      packed,
      behind,
    ]),
    central: Buffer.concat([
      Buffer.from('PK\x01\x02\x14\x00', 'latin1'),
      fixed(member.centralFlags ?? flags, true),
      lengths(name),
      tail,
      Buffer.from(name),
      extra,
    ]),
  }
}

function zipEnd(count: number, size: number, offset: number, stub: number, wide: boolean): Buffer {
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(wide ? 0xffff : count, 8)
  end.writeUInt16LE(wide ? 0xffff : count, 10)
  end.writeUInt32LE(wide ? 0xffffffff : size, 12)
  end.writeUInt32LE(wide ? 0xffffffff : offset, 16)
  if (!wide) return end
  const end64 = Buffer.alloc(56)
  end64.write('PK\x06\x06', 'latin1')
  end64.writeBigUInt64LE(44n, 4)
  end64.writeBigUInt64LE(BigInt(count), 32)
  end64.writeBigUInt64LE(BigInt(size), 40)
  end64.writeBigUInt64LE(BigInt(offset), 48)
  const locator = Buffer.alloc(20)
  locator.write('PK\x06\x07', 'latin1')
  locator.writeBigUInt64LE(BigInt(stub + offset + size), 8)
  return Buffer.concat([end64, locator, end])
}

/** A ZIP archive with one member that is encrypted. */
export const ENCRYPTED_ZIP = zipOf([{ name: 'secret.txt', flags: 1 }])

/** A tar archive that ends as it should. */
export function tarOf(members: readonly { name: string; data: Buffer }[]): Buffer {
  const blocks = members.flatMap(({ name, data }) => {
    const header = Buffer.alloc(512)
    header.write(name, 0)
    header.write('0000644\0', 100)
    header.write(`${data.length.toString(8).padStart(11, '0')}\0`, 124)
    header.write('        0ustar\x0000', 148)
    const sum = header.reduce((total, byte) => total + byte, 0)
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
    return [header, data, Buffer.alloc((512 - (data.length % 512)) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

interface Given {
  readonly type?: string
  readonly limits?: Partial<Limits>
  readonly extensions?: readonly string[]
}

/** The verdict on one file. */
export function judge(filename: string | null, bytes: Buffer | string, given: Given = {}): PartVerdict {
  const options: AttachmentOptions = {
    limits: { ...DEFAULT_OPTIONS.limits, ...given.limits },
    blocked: { ...DEFAULT_OPTIONS.blocked, ...(given.extensions && { extensions: given.extensions }) },
  }
  return inspectPart({ filename, declaredType: given.type ?? null, bytes: Buffer.from(bytes) }, options)
}

/** `state path: facts`, for comparing in one line. */
export const said = ({ state, path, facts }: PartVerdict): string =>
  `${state} ${path}${facts.length > 0 ? `: ${facts.join('; ')}` : ''}`

export const rulesOf = (verdict: PartVerdict): string[] => verdict.blocked.map(({ rule }) => rule)
