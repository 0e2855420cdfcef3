import { execFileSync } from 'node:child_process'
import { closeSync, existsSync, openSync, statfsSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { basename, join } from 'node:path'
import { program } from '../../../../test/support/components.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'

const MIB = 2 ** 20
const run = (name: string, ...args: string[]): string => execFileSync(program(name) ?? name, args, { encoding: 'utf8' })

/** Why no file system can be mounted here; null if it can. */
export function cannotMount(scope: Scope): string | null {
  if (process.getuid?.() !== 0) return 'mounting needs root'
  try {
    smallDisk(scope, 1)
    return null
  } catch (error) {
    return `nothing can be mounted here: ${(error as Error).message.split('\n')[0]}`
  }
}

/** A tmpfs of that size, gone when the scope ends. */
export function smallDisk(scope: Scope, sizeMiB: number): string {
  const folder = temporaryFolder(scope, 'small-disk')
  run('mount', '-t', 'tmpfs', '-o', `size=${sizeMiB}m,mode=755`, 'tmpfs', folder)
  defer(scope, () => void run('umount', '-l', folder))
  return folder
}

/** Takes the space of a disk away, and gives it back. */
export class Filler {
  readonly #folder: string
  readonly #file: string

  constructor(folder: string) {
    this.#folder = folder
    this.#file = join(folder, 'filler')
    writeFileSync(this.#file, '')
  }

  /** Leaves about so many bytes, a whole number of pages: others write meanwhile. */
  leave(bytes: number): void {
    const file = openSync(this.#file, 'a')
    try {
      for (let more = this.#free() - bytes; more > 0; more = this.#free() - bytes)
        writeSync(file, Buffer.alloc(Math.min(more, MIB)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
    } finally {
      closeSync(file)
    }
  }

  giveBack(bytes: number): void {
    truncateSync(this.#file, Math.max(0, statSync(this.#file).size - bytes))
  }

  #free(): number {
    const { bavail, bsize } = statfsSync(this.#folder)
    return bavail * bsize
  }
}

/** A real ext4 that goes read-only when it meets an error, as servers' disks are mounted. */
export interface FailingDisk {
  readonly folder: string
  /** The kernel finds an error, and lets nobody write any more, whatever is open. */
  fail(): void
  /** Taken off, checked and mounted anew: the only way back. Nobody may use it. */
  mend(): void
}

/** Why there can be none here; null if there can. */
export function cannotFail(): string | null {
  if (program('mkfs.ext4') === null || program('losetup') === null) return 'mkfs.ext4 and losetup are not installed'
  return existsSync('/dev/loop-control') && existsSync('/sys/fs/ext4')
    ? null
    : 'this kernel has no loop devices or no ext4'
}

export function failingDisk(scope: Scope, sizeMiB: number): FailingDisk {
  const image = join(temporaryFolder(scope, 'image'), 'image')
  writeFileSync(image, '')
  truncateSync(image, sizeMiB * MIB)
  run('mkfs.ext4', '-q', '-F', image)
  const device = run('losetup', '-f', '--show', image).trim()
  defer(scope, () => void run('losetup', '-d', device))
  const folder = temporaryFolder(scope, 'failing-disk')
  const mount = () => run('mount', '-o', 'errors=remount-ro', device, folder)
  mount()
  defer(scope, () => void run('umount', '-l', folder))
  return {
    folder,
    fail: () => writeFileSync(join('/sys/fs/ext4', basename(device), 'trigger_fs_error'), '1'),
    mend() {
      run('umount', folder)
      try {
        run('e2fsck', '-p', '-f', device)
      } catch (error) {
        // 1: errors were corrected
        if ((error as { status?: number }).status !== 1) throw error
      }
      mount()
    },
  }
}
