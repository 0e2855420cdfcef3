import { readFileSync, writeFileSync } from 'node:fs'

/** A package that a running Postern is made of. */
export interface Used {
  readonly name: string
  readonly version: string
  /** SPDX, as the package says. */
  readonly licence: string
}

interface Entry {
  readonly version?: string
  readonly resolved?: string
  readonly integrity?: string
  readonly license?: string
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
  /** What the authors say of that version, as the registry told when it was locked: often a known hole. */
  readonly deprecated?: string
  readonly link?: boolean
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

export interface LockFile {
  readonly lockfileVersion: number
  readonly packages: Readonly<Record<string, Entry>>
}

/** Licences that ask for no more than to be named. */
const ALLOWED: ReadonlySet<string> = new Set([
  'MIT',
  'MIT-0',
  'ISC',
  '0BSD',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'Apache-2.0',
])
const REGISTRY = 'https://registry.npmjs.org/'
const EXACT = /^\d+\.\d+\.\d+(-[\w.]+)?$/
const FOLDER = 'node_modules/'
/** Fetches the pinned Node.js. Not part of what runs. */
const MAY_RUN_SCRIPTS: ReadonlySet<string> = new Set(['node_modules/node'])

export const readLockFile = (): LockFile => JSON.parse(readFileSync('package-lock.json', 'utf8')) as LockFile

/** The packages in use, without those for development, by name and version. */
export function usedIn({ packages }: LockFile): readonly Used[] {
  const used = Object.entries(packages).flatMap(([path, { version = '', license = 'unknown', dev = false }]) =>
    path === '' || dev
      ? []
      : [{ name: path.slice(path.lastIndexOf(FOLDER) + FOLDER.length), version, licence: license }],
  )
  const byKey = new Map(used.map((each) => [`${each.name} ${each.version}`, each]))
  return [...byKey].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each)
}

/** Whether one may choose a licence that is allowed: of `(A OR B)` one, of `A AND B` both. */
export function isAllowed(licence: string): boolean {
  const inner = /^\((.*)\)$/.exec(licence)?.[1] ?? licence
  if (inner.includes(' OR ')) return inner.split(' OR ').some(isAllowed)
  return inner.split(' AND ').every((each) => ALLOWED.has(each))
}

/** What is wrong with the lock file, in sentences: it must fix each package to one content from the registry, as `manifest` wants. */
export function problemsOf({ lockfileVersion, packages }: LockFile, manifest: Entry): readonly string[] {
  const problems = lockfileVersion === 3 ? [] : [`its version is ${lockfileVersion}, not 3`]
  for (const kind of ['dependencies', 'devDependencies'] as const) {
    const wanted = manifest[kind] ?? {}
    if (JSON.stringify(wanted) !== JSON.stringify(packages['']?.[kind] ?? {})) problems.push(`its ${kind} are others`)
    for (const [name, version] of Object.entries(wanted)) {
      if (!EXACT.test(version)) problems.push(`${name} may be any of ${version}`)
      if (packages[FOLDER + name]?.version !== version) problems.push(`${name} is another than ${version}`)
    }
  }
  return [
    ...problems,
    ...Object.entries(packages).flatMap(([path, entry]) => (path === '' ? [] : faultsOf(path, entry))),
  ]
}

function faultsOf(path: string, entry: Entry): readonly string[] {
  const { integrity = '', resolved = '', hasInstallScript = false, deprecated, link = false } = entry
  const faults: readonly (readonly [boolean, string])[] = [
    [!/^sha512-[\w+/]{86}==$/.test(integrity), 'has no SHA-512'],
    // Where it says nothing it is the registry in use, whose content the hash proves
    [resolved !== '' && !resolved.startsWith(REGISTRY), `comes from ${resolved}`],
    [link, 'is a link'],
    [hasInstallScript && !MAY_RUN_SCRIPTS.has(path), 'runs a script when it is installed'],
    [deprecated !== undefined, `should not be used any more: ${deprecated}`],
  ]
  return faults.flatMap(([isSo, what]) => (isSo ? [`${path} ${what}`] : []))
}

/** What is installed and is another than the lock file says, in sentences. `manifestOf` reads `package.json` of a folder; null where there is none. */
export function strangersIn({ packages }: LockFile, manifestOf: (path: string) => Manifest | null): readonly string[] {
  return Object.entries(packages).flatMap(([path, { version, license, hasInstallScript }]) => {
    const manifest = path === '' ? null : manifestOf(path)
    // For another system, or left out on purpose
    if (manifest === null) return []
    const runs = ['preinstall', 'install', 'postinstall'].some((name) => manifest.scripts?.[name] !== undefined)
    const faults: readonly (readonly [boolean, string])[] = [
      [manifest.version !== version, `is ${manifest.version}, not ${version}`],
      [typeof manifest.license === 'string' && manifest.license !== license, `is under ${String(manifest.license)}`],
      [runs && hasInstallScript !== true, 'runs a script when it is installed, which the lock file does not say'],
    ]
    return faults.flatMap(([isSo, what]) => (isSo ? [`${path} ${what}`] : []))
  })
}

/** `package.json` of an installed package, as far as it matters here. */
export interface Manifest {
  readonly version?: string
  readonly license?: unknown
  readonly scripts?: Readonly<Record<string, string>>
}

/** Of a package below the working directory. */
export function installedManifest(path: string): Manifest | null {
  try {
    return JSON.parse(readFileSync(`${path}/package.json`, 'utf8')) as Manifest
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

export const FILE = 'THIRD-PARTY.md'

/** The text of `THIRD-PARTY.md`. */
export function listOf(used: readonly Used[]): string {
  const lines = used.map(({ name, version, licence }) => `| ${name} | ${version} | ${licence} |`)
  return [
    '# Third-party packages',
    '',
    'What a running Postern is made of beside its own code and Node.js, as `package-lock.json` fixes it. The text of each',
    'licence lies in the package. `scripts/licences` writes this list; a test fails where it is out of date, or where a',
    'licence asks for more than to be named.',
    '',
    '| package | version | licence |',
    '| --- | --- | --- |',
    ...lines,
    '',
  ].join('\n')
}

if (import.meta.main) {
  const used = usedIn(readLockFile())
  writeFileSync(FILE, listOf(used))
  for (const { name, licence } of used.filter((each) => !isAllowed(each.licence))) {
    process.stderr.write(`licences: ${name}: ${licence} is not among those that are allowed\n`)
    process.exitCode = 1
  }
}
