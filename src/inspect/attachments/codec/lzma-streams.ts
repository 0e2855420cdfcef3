import { type Budget, spendBytes, spendWork } from '../budget.ts'
import { damaged, Exhausted } from '../failure.ts'
import type { Limits } from '../limits.ts'
import { LzmaDecoder } from './lzma.ts'
import { allowance } from './unpack.ts'

/** A unit of work for a byte that our own decoder puts out. */
const WORK_PER_BYTE = 20

function outputOf(size: number, packed: number, limits: Limits, budget: Budget): Buffer {
  if (size > allowance(packed, limits, budget)) throw new Exhausted('unpacks to more than is allowed')
  spendBytes(budget, size)
  spendWork(budget, (size + packed) * WORK_PER_BYTE)
  return Buffer.alloc(size)
}

/** Raw LZMA of known unpacked `size`; `properties` are the five bytes of the coder. */
export function unpackLzma(bytes: Buffer, properties: Buffer, size: number, limits: Limits, budget: Budget): Buffer {
  const decoder = new LzmaDecoder(outputOf(size, bytes.length, limits, budget))
  decoder.reset(properties.readUInt8(0))
  if (size > 0) decoder.chunk(bytes, 0, bytes.length, size)
  return decoder.at === size ? decoder.out : damaged('packed data ends too early')
}

/** LZMA2 of known unpacked `size`. Says in `used` how many packed bytes it took. */
export function unpackLzma2(
  bytes: Buffer,
  size: number,
  limits: Limits,
  budget: Budget,
): { out: Buffer; used: number } {
  const decoder = new LzmaDecoder(outputOf(size, bytes.length, limits, budget))
  let at = 0
  for (let control = bytes.readUInt8(at); control !== 0; control = bytes.readUInt8(at)) {
    at = control < 0x80 ? copyChunk(decoder, bytes, at, control) : packedChunk(decoder, bytes, at, control)
  }
  return decoder.at === size ? { out: decoder.out, used: at + 1 } : damaged('packed data ends too early')
}

function copyChunk(decoder: LzmaDecoder, bytes: Buffer, at: number, control: number): number {
  if (control > 2) damaged('LZMA data is damaged')
  const length = bytes.readUInt16BE(at + 1) + 1
  const start = at + 3
  if (start + length > bytes.length) damaged('ends too early')
  if (control === 1) decoder.resetDictionary()
  decoder.copy(bytes.subarray(start, start + length))
  return start + length
}

function packedChunk(decoder: LzmaDecoder, bytes: Buffer, at: number, control: number): number {
  const unpacked = ((control & 0x1f) << 16) + bytes.readUInt16BE(at + 1) + 1
  const packed = bytes.readUInt16BE(at + 3) + 1
  const reset = (control >> 5) & 3
  if (reset === 3) decoder.resetDictionary()
  if (reset >= 1) decoder.reset(reset >= 2 ? bytes.readUInt8(at + 5) : null)
  const start = at + (reset >= 2 ? 6 : 5)
  if (start + packed > bytes.length) damaged('ends too early')
  const until = decoder.at + unpacked
  decoder.chunk(bytes, start, start + packed, until)
  if (decoder.at !== until) damaged('LZMA data is damaged')
  return start + packed
}

/** The size that LZMA2 data says it unpacks to, and the packed bytes it takes, from its chunks' headers alone. */
export function measureLzma2(bytes: Buffer): number {
  let size = 0
  let at = 0
  for (let control = bytes.readUInt8(at); control !== 0; control = bytes.readUInt8(at)) {
    const length = bytes.readUInt16BE(at + 1) + 1
    if (control < 0x80) {
      size += length
      at += 3 + length
      continue
    }
    size += length + ((control & 0x1f) << 16)
    at += (control >= 0xc0 ? 6 : 5) + bytes.readUInt16BE(at + 3) + 1
  }
  return size
}
