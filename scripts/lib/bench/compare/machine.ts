import { cpus, release, totalmem } from 'node:os'
import { run } from '../../../../test/support/process.ts'

/** What the figures were taken on: they mean nothing without it. */
export interface Machine {
  readonly processor: string
  readonly cores: number
  readonly memoryGiB: number
  readonly kernel: string
  readonly node: string
  readonly openssl: string
  /** Type of the file system of the queues, and where it lies. */
  readonly fileSystem: string
  /** Load average of the minute before: whether the machine was quiet. */
  readonly loadBefore: number
  /** ISO date and time. */
  readonly at: string
}

export async function thisMachine(folder: string): Promise<Machine> {
  const [processor] = cpus()
  const df = await run('df', ['--output=fstype,source', folder])
  const { stdout: uptime } = await run('cat', ['/proc/loadavg'])
  return {
    processor: processor?.model.trim() ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    openssl: process.versions.openssl ?? '',
    fileSystem: df.stdout.trim().split('\n').at(-1)?.replaceAll(/\s+/g, ' ') ?? '',
    loadBefore: Number(uptime.split(' ')[0]),
    at: new Date().toISOString(),
  }
}

export const describeMachine = (machine: Machine): string =>
  `${machine.cores} cores of ${machine.processor}, ${machine.memoryGiB} GiB, Linux ${machine.kernel}, ${machine.fileSystem}; ` +
  `Node ${machine.node}, OpenSSL ${machine.openssl}; load before: ${machine.loadBefore}; ${machine.at}`
