import { closeSync, existsSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs'

const PIECE = 1024 * 1024

/**
 * Writes the log that the last run left over itself, byte for byte, and syncs it. Linux tells of a sync that
 * failed once only, keeps what was not written in memory, and calls it clean: a run that was killed then leaves a
 * log that reads well and is not on the disk, and commits that followed would be lost with it. What is written
 * anew is dirty anew, so that this sync can be believed. Nobody may write to the log meanwhile.
 */
export function rewriteLog(path: string): void {
  if (!existsSync(path)) return
  const file = openSync(path, 'r+')
  const piece = Buffer.alloc(PIECE)
  try {
    let at = 0
    for (let read = readSync(file, piece, 0, PIECE, at); read > 0; read = readSync(file, piece, 0, PIECE, at)) {
      writeAll(file, piece.subarray(0, read), at)
      at += read
    }
    if (at > 0) fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

function writeAll(file: number, bytes: Buffer, start: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, start + at)
}
