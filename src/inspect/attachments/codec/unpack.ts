import { gunzipSync, inflateRawSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { type Budget, spendBytes, spendWork } from '../budget.ts'
import { Exhausted } from '../failure.ts'
import type { Limits } from '../limits.ts'

export type Packing = 'deflate' | 'zlib' | 'gzip' | 'zstd'

const UNPACK = { deflate: inflateRawSync, zlib: inflateSync, gzip: gunzipSync, zstd: zstdDecompressSync } as const

/** A unit of work for a byte that zlib puts out. */
const WORK_PER_BYTE = 3

/** Bytes that `packedBytes` may become. */
export function allowance(packedBytes: number, limits: Limits, budget: Budget): number {
  const byRatio = Math.max(limits.ratioFreeBytes, packedBytes * limits.maxRatio)
  return Math.max(0, Math.min(byRatio, limits.maxItemBytes, budget.bytesLeft))
}

/**
 * Unpacks all of `bytes`. Data that ends too early or is damaged throws an Error with a code of
 * zlib's; data that grows over the limits throws Exhausted.
 */
export function unpack(bytes: Buffer, packing: Packing, limits: Limits, budget: Budget): Buffer {
  const most = allowance(bytes.length, limits, budget)
  spendWork(budget, bytes.length)
  try {
    const unpacked = UNPACK[packing](bytes, { maxOutputLength: Math.max(most, 1) })
    spendBytes(budget, unpacked.length)
    spendWork(budget, unpacked.length * WORK_PER_BYTE)
    return unpacked
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_BUFFER_TOO_LARGE') throw error
    spendBytes(budget, most)
    spendWork(budget, most * WORK_PER_BYTE)
    throw new Exhausted('unpacks to more than is allowed')
  }
}
