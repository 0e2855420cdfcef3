import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from '../../../../test/support/components.ts'
import { run } from '../../../../test/support/process.ts'
import { Missing } from '../part.ts'
import type { Group } from './group.ts'

/** What was fetched stays here for the next run. */
export const FETCHED = join(tmpdir(), 'postern-bench-fetched')

/** A user, with a group of the same name and number, that only the cage knows. */
export interface CageUser {
  readonly name: string
  readonly id: number
}

/**
 * Fetches Debian packages and unpacks them, without installing them: packages of mail servers exclude
 * one another. Gives the folder. Throws Missing where that cannot be done here.
 */
export async function unpack(name: string, packages: readonly string[]): Promise<string> {
  for (const needed of ['apt-get', 'dpkg-deb', 'unshare', 'chroot']) {
    if (program(needed) === null) throw new Missing(`${needed} is not installed`)
  }
  if (process.getuid?.() !== 0) throw new Missing('only root can run it from a folder')
  const folder = join(FETCHED, name)
  const done = join(folder, 'done')
  if (existsSync(done)) return join(folder, 'files')
  mkdirSync(folder, { recursive: true })
  const { code, stderr } = await run('apt-get', ['download', ...packages], { cwd: folder })
  if (code !== 0) throw new Missing(`its Debian packages cannot be fetched: ${stderr.trim()}`)
  for (const file of readdirSync(folder).filter((each) => each.endsWith('.deb')))
    await run('dpkg-deb', ['-x', join(folder, file), join(folder, 'files')])
  writeFileSync(done, '')
  return join(folder, 'files')
}

const LINKS = ['bin', 'sbin', 'lib', 'lib64']
const PLACES = ['usr', 'etc', 'dev', 'proc', 'tmp', 'run', 'var/spool', 'var/log', 'var/lib', 'var/tmp']
const COPIED = ['passwd', 'group', 'nsswitch.conf', 'hosts', 'services']

/** A root of its own: this system's programs with those of the packages laid over them; etc and var are plain folders on disk. */
export function makeCage(root: string, users: readonly CageUser[]): void {
  for (const place of PLACES) mkdirSync(join(root, place), { recursive: true })
  for (const name of LINKS) symlinkSync(`usr/${name}`, join(root, name))
  for (const name of COPIED) if (existsSync(`/etc/${name}`)) copyFileSync(`/etc/${name}`, join(root, 'etc', name))
  chmodSync(join(root, 'var/tmp'), 0o1777)
  for (const { name, id } of users) {
    appendFileSync(join(root, 'etc/passwd'), `${name}:x:${id}:${id}::/nonexistent:/usr/sbin/nologin\n`)
    appendFileSync(join(root, 'etc/group'), `${name}:x:${id}:\n`)
  }
}

// The mounts are seen by this process alone, and go with it
const ENTER = `mount -t overlay overlay -o "lowerdir=$1/usr:/usr" "$2/usr" &&
mount --rbind /dev "$2/dev" && mount --rbind /proc "$2/proc" || exit 1
root=$2; shift 2; exec chroot "$root" "$@"`

/** Starts a program of the unpacked packages in the cage, counted in the group. */
export async function startCaged(group: Group, files: string, root: string, command: readonly string[]): Promise<void> {
  await group.start('unshare', ['-m', 'sh', '-c', ENTER, 'sh', files, root, ...command])
}
