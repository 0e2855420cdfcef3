import { closeSync, existsSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'

/** What `record.c` wrote down. `at` orders events; the names of folders and files are relative to the root. */
export type TraceEvent =
  | {
      readonly kind: 'open'
      readonly handle: number
      readonly name: string
      readonly created: boolean
      readonly emptied: boolean
      readonly folder: boolean
    }
  | { readonly kind: 'write'; readonly handle: number; readonly offset: number; readonly data: Buffer }
  | { readonly kind: 'cut'; readonly handle: number; readonly length: number }
  | { readonly kind: 'sync'; readonly handle: number; readonly began: number }
  | { readonly kind: 'folder' | 'unlink' | 'rmdir'; readonly name: string }
  | { readonly kind: 'rename' | 'link'; readonly from: string; readonly to: string }
  /** A queue id that a client was about to be told. */
  | { readonly kind: 'queued'; readonly id: string }
  /** What the next hop said that it took. */
  | { readonly kind: 'taken'; readonly token: string }
  | { readonly kind: 'start' }

export type Traced = TraceEvent & { readonly at: number }

const HEADER_BYTES = 64
const RECORD_BYTES = 32
const ALIGNMENT = 8
const KINDS = [
  '',
  'open',
  'write',
  'cut',
  'syncing',
  'sync',
  'folder',
  'rename',
  'unlink',
  'rmdir',
  'link',
  'queued',
  'taken',
  'unknown',
  'start',
] as const
const [CREATED, EMPTIED, FOLDER] = [1, 2, 4]

/** Memory rather than a disk where there is such a folder: what is written there need not survive. */
export const memoryFolder = (): string => (existsSync('/dev/shm') ? '/dev/shm' : tmpdir())

/** Makes an empty trace; of its capacity only what is used takes memory. */
export function createTrace(path: string, capacityBytes: number): void {
  const file = openSync(path, 'wx', 0o600)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeBigUInt64LE(BigInt(capacityBytes), 0)
  header.writeBigUInt64LE(BigInt(HEADER_BYTES), 8)
  ftruncateSync(file, capacityBytes)
  writeSync(file, header, 0, header.length, 0)
  closeSync(file)
}

/** The trace's events in order. Throws when it is not whole, or something happened that it cannot tell. */
export function readTrace(path: string): Traced[] {
  const bytes = readUsed(path)
  const events: Traced[] = []
  for (let at = HEADER_BYTES; at < bytes.length; ) {
    const size = bytes.readUInt32LE(at)
    // What a killed process had not begun to write down is zero up to the next record
    if (size === 0) at += ALIGNMENT
    else {
      const event = eventOf(bytes, at)
      if (event !== null) events.push({ ...event, at })
      at += size
    }
  }
  return events
}

/** How far a trace goes by now, also while it is written: what is written later has a higher `at`. */
export function usedBytes(path: string): number {
  const file = openSync(path, 'r')
  try {
    const header = Buffer.alloc(HEADER_BYTES)
    readSync(file, header, 0, HEADER_BYTES, 0)
    return Number(header.readBigUInt64LE(8))
  } finally {
    closeSync(file)
  }
}

function readUsed(path: string): Buffer {
  const file = openSync(path, 'r')
  try {
    const header = Buffer.alloc(HEADER_BYTES)
    readSync(file, header, 0, HEADER_BYTES, 0)
    if (header.readUInt32LE(20) !== 0) throw new Error('the trace is full: record less, or give it more room')
    const bytes = Buffer.alloc(Number(header.readBigUInt64LE(8)))
    for (let at = 0; at < bytes.length; ) at += readSync(file, bytes, at, Math.min(bytes.length - at, 2 ** 30), at)
    return bytes
  } finally {
    closeSync(file)
  }
}

function eventOf(bytes: Buffer, at: number): TraceEvent | null {
  const kind = KINDS[bytes.readUInt32LE(at + 4)]
  const handle = bytes.readUInt32LE(at + 8)
  const data = bytes.subarray(at + RECORD_BYTES, at + RECORD_BYTES + bytes.readUInt32LE(at + 12))
  const offset = Number(bytes.readBigUInt64LE(at + 16))
  const extra = Number(bytes.readBigUInt64LE(at + 24))
  const text = () => data.toString()
  switch (kind) {
    case 'open': {
      const has = (flag: number) => (extra & flag) !== 0
      return { kind, handle, name: text(), created: has(CREATED), emptied: has(EMPTIED), folder: has(FOLDER) }
    }
    case 'write':
      return { kind, handle, offset, data }
    case 'cut':
      return { kind, handle, length: offset }
    case 'sync':
      return { kind, handle, began: extra }
    case 'rename':
    case 'link': {
      const [from = '', to = ''] = text().split('\0')
      return { kind, from, to }
    }
    case 'folder':
    case 'unlink':
    case 'rmdir':
      return { kind, name: text() }
    case 'queued':
      return { kind, id: text() }
    case 'taken':
      return { kind, token: text() }
    case 'start':
      return { kind }
    case 'syncing':
    // Begun and not finished, by a process that was killed
    case '':
      return null
    default:
      throw new Error(`the trace has something that it cannot tell: ${text()}`)
  }
}
