import { spendWork } from '../budget.ts'
import { damaged } from '../failure.ts'
import type { Visit } from '../reader.ts'

/** MS-OXTNEF 2.1.3.4 and MS-OXPROPS: what an attachment's list of MAPI properties is read for. */
const PROPERTY = { data: 0x3701, longName: 0x3707 } as const
const FIXED: Readonly<Record<number, number>> = {
  1: 0,
  2: 4,
  3: 4,
  4: 4,
  5: 8,
  6: 8,
  7: 8,
  10: 4,
  11: 4,
  20: 8,
  64: 8,
  72: 16,
}
const VARIABLE = new Set([13, 30, 31, 258])
const OBJECT = 13

interface Found {
  name: string | null
  object: Buffer | null
}

/** Name and embedded object of an attachment. What a list of properties says behind one that is unknown is not read: Damaged. */
export function attachmentProperties(visit: Visit, list: Buffer): Found {
  const found: Found = { name: null, object: null }
  const count = list.readUInt32LE(0)
  let at = 4
  for (let i = 0; i < count; i++) {
    spendWork(visit.budget, 50)
    const type = list.readUInt16LE(at)
    const id = list.readUInt16LE(at + 2)
    at = id >= 0x8000 ? afterName(list, at + 4) : at + 4
    at = afterValues(list, at, type, (value) => keep(found, id, type, value))
  }
  return found
}

function keep(found: Found, id: number, type: number, value: Buffer): void {
  if (id === PROPERTY.longName && type === 31) found.name = value.toString('utf16le').replace(/\0+$/u, '')
  if (id === PROPERTY.longName && type === 30) found.name = value.toString('latin1').replace(/\0+$/u, '')
  // an object has the identifier of its interface in front
  if (id === PROPERTY.data) found.object = type === OBJECT ? value.subarray(16) : value
}

/** A named property: its set, and a number or a name. */
function afterName(list: Buffer, at: number): number {
  if (list.readUInt32LE(at + 16) === 0) return at + 24
  return at + 24 + padded(list.readUInt32LE(at + 20))
}

function afterValues(list: Buffer, at: number, type: number, keepValue: (value: Buffer) => void): number {
  const isMany = (type & 0x1000) !== 0
  const single = type & 0xfff
  const fixed = FIXED[single]
  if (fixed !== undefined) return isMany ? at + 4 + padded(list.readUInt32LE(at) * fixed) : at + fixed
  if (!VARIABLE.has(single)) damaged('one of its properties is of an unknown type')
  const count = list.readUInt32LE(at)
  let next = at + 4
  for (let i = 0; i < count; i++) {
    const length = list.readUInt32LE(next)
    const end = next + 4 + length
    if (end > list.length) damaged('ends too early')
    keepValue(list.subarray(next + 4, end))
    next += 4 + padded(length)
  }
  return next
}

const padded = (length: number): number => Math.ceil(length / 4) * 4
