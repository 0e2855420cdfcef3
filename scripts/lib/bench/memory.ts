import { readFileSync } from 'node:fs'

/** Resident memory of a process, MiB: now, and the most so far. */
export function memoryOf(pid: number): { readonly nowMiB: number; readonly peakMiB: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const read = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024
  return { nowMiB: read('VmRSS'), peakMiB: read('VmHWM') }
}
