import { execFileSync } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** A key with a certificate that the openssl command made, as text and as files. */
export interface Issued {
  readonly key: string
  readonly pem: string
  readonly keyFile: string
  readonly pemFile: string
}

export interface IssueOptions {
  /** What signs it; left out: itself. */
  readonly by?: Issued
  /** Default `rsa`, of 2048 bits. */
  readonly key?: 'rsa' | 'rsa-1024' | 'rsa-pss' | 'ec' | 'ed25519'
  /** Addresses among the alternative names. */
  readonly emails?: readonly string[]
  /** Further extensions, each `name=value` as openssl writes them. */
  readonly extensions?: readonly string[]
  /** Of the subject, such as `/CN=Ward 7`. */
  readonly subject?: string
  readonly digest?: string
  readonly days?: number
}

const PAIRS = {
  rsa: () => generateKeyPairSync('rsa', { modulusLength: 2048 }),
  'rsa-1024': () => generateKeyPairSync('rsa', { modulusLength: 1024 }),
  'rsa-pss': () => generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
  ec: () => generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ed25519: () => generateKeyPairSync('ed25519'),
}

/** Makes `folder/name.key` and `folder/name.pem`. An authority is one with the extension `basicConstraints=critical,CA:TRUE`. */
export function issue(folder: string, name: string, options: IssueOptions = {}): Issued {
  const { by, key = 'rsa', emails = [], extensions = [], subject = `/CN=${name}`, digest = 'sha256' } = options
  const keyFile = join(folder, `${name}.key`)
  const pemFile = join(folder, `${name}.pem`)
  writeFileSync(keyFile, PAIRS[key]().privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
  const names = emails.length === 0 ? [] : [`subjectAltName=${emails.map((email) => `email:${email}`).join(',')}`]
  const args = ['req', '-x509', '-new', '-config', configFile(folder), '-key', keyFile, '-out', pemFile]
  args.push('-subj', subject, '-days', String(options.days ?? 30), ...(key === 'ed25519' ? [] : [`-${digest}`]))
  if (by !== undefined) args.push('-CA', by.pemFile, '-CAkey', by.keyFile)
  for (const extension of [...names, ...extensions]) args.push('-addext', extension)
  execFileSync('openssl', args, { stdio: 'pipe' })
  return { key: readFileSync(keyFile, 'utf8'), pem: readFileSync(pemFile, 'utf8'), keyFile, pemFile }
}

/** Without the machine's own settings, which add extensions. */
function configFile(folder: string): string {
  const file = join(folder, 'openssl.cnf')
  writeFileSync(file, '[req]\ndistinguished_name=name\n[name]\n')
  return file
}

export const AUTHORITY = ['basicConstraints=critical,CA:TRUE', 'keyUsage=critical,keyCertSign,cRLSign']
export const MAIL_USE = ['keyUsage=critical,digitalSignature,keyEncipherment', 'extendedKeyUsage=emailProtection']

/** Runs openssl; gives what it wrote to standard output. Throws if it fails, with what it said. */
export function openssl(args: readonly string[], input?: Buffer): Buffer {
  return execFileSync('openssl', [...args], { input: input ?? Buffer.alloc(0), stdio: 'pipe', maxBuffer: 1 << 28 })
}
