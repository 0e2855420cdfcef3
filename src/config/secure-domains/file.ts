import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { registerOf, type SecureDomain, type SecureRegister } from '../../mail/secure-domain.ts'
import { formatSize } from '../values.ts'
import {
  NEW_REGISTER,
  parseRegister,
  REGISTER_LIMITS,
  type ReadRegister,
  type RegisterFile,
  whole,
} from './register.ts'

/** Reads a register: UTF-8, at most 32 MiB. `missing`: it is not there, which is a problem of its own. Never throws. */
export function readRegisterFile(file: string): ReadRegister | { readonly ok: false; readonly missing: true } {
  try {
    return parseRegister(file, readLimited(file))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { ok: false, missing: true }
    return { ok: false, problems: [whole(file, `cannot be read: ${message}`)] }
  }
}

function readLimited(file: string): string {
  const handle = openSync(file, 'r')
  try {
    const stat = fstatSync(handle)
    if (!stat.isFile()) throw new Error('it is no file')
    if (stat.size > REGISTER_LIMITS.bytes)
      throw new RangeError(`it is larger than ${formatSize(REGISTER_LIMITS.bytes)}`)
    return decoded(readFileSync(handle))
  } finally {
    closeSync(handle)
  }
}

function decoded(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new Error('it is not UTF-8: save it as CSV in UTF-8')
  }
}

/** The register as the configuration holds it. */
export interface SecureDomains {
  /** Absolute. */
  readonly file: string
  readonly register: SecureRegister
  /** Every entry, active or not, in the order of the file. */
  readonly entries: readonly SecureDomain[]
  /** How long before its last day an entry is warned of. */
  readonly warnMs: number
}

export const entriesOf = ({ lines }: RegisterFile): SecureDomain[] =>
  lines.map(({ entry }) => entry).filter((entry) => entry !== null)

export const registerOfFile = (register: RegisterFile): SecureRegister => registerOf(entriesOf(register))

export function secureDomainsOf(file: string, warnMs: number, register: RegisterFile = NEW_REGISTER): SecureDomains {
  const entries = entriesOf(register)
  return { file, entries, register: registerOf(entries), warnMs }
}
