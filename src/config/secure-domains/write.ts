import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { formatProblem } from '../problem.ts'
import { readRegisterFile } from './file.ts'
import { lockBeside } from './lock.ts'
import { formatRegister, NEW_REGISTER, parseRegister, type ReadRegister, type RegisterFile } from './register.ts'

/** A register as it is now; one that is not there is new. */
export function currentRegister(file: string): ReadRegister {
  const read = readRegisterFile(file)
  return 'missing' in read ? { ok: true, register: NEW_REGISTER } : read
}

/** The register on disk holds mistakes, so that nothing can be changed in it. */
export class RegisterFaulty extends Error {
  override readonly name = 'RegisterFaulty'
  /** One line each. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super('the register holds mistakes')
    this.problems = problems
  }
}

/**
 * Changes a register: one writer at a time, whole or not at all, and on stable storage when it returns.
 * `change` gets what stands there now; what it throws changes nothing. Owner and mode stay; a new file takes
 * them from `like` (but is never executable). Throws RegisterFaulty, LockTaken, or the system's error.
 */
export function changeRegister(file: string, like: string, change: (register: RegisterFile) => RegisterFile): void {
  const target = existing(file) ?? file
  const model = statSync(existing(target) ?? like)
  const unlock = lockBeside(target, model)
  try {
    const read = currentRegister(target)
    if (!read.ok) throw new RegisterFaulty(read.problems.map(formatProblem))
    const next = change(read.register)
    if (next !== read.register) replaceFile(target, model, checked(target, next))
  } finally {
    unlock()
  }
}

// a link stays a link: what it leads to is replaced
function existing(file: string): string | null {
  try {
    return realpathSync(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

/** Its text, which is certain to be read again: a file that is refused would keep the daemon from starting. */
function checked(file: string, register: RegisterFile): string {
  const text = formatRegister(register)
  const read = parseRegister(file, text)
  if (!read.ok) throw new RegisterFaulty(read.problems.map(formatProblem))
  return text
}

const NOT_EXECUTABLE = 0o666

/** Whole or not at all, and on stable storage when it returns. Throws the system's error. */
export function replaceFile(file: string, { uid, gid, mode }: Pick<Stats, 'uid' | 'gid' | 'mode'>, text: string): void {
  const folder = dirname(file)
  const temporary = join(folder, `.${basename(file)}.${randomBytes(6).toString('hex')}.tmp`)
  const handle = openSync(temporary, 'wx', 0o600)
  try {
    try {
      writeFileSync(handle, text)
      // the owner first: it may take bits of the mode away
      if (uid !== process.getuid?.() || gid !== process.getgid?.()) fchownSync(handle, uid, gid)
      fchmodSync(handle, mode & NOT_EXECUTABLE)
      fsyncSync(handle)
    } finally {
      closeSync(handle)
    }
    renameSync(temporary, file)
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  }
  syncFolder(folder)
}

function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
