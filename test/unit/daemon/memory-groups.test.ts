import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import test from 'node:test'
import { cannotLimit, MemoryGroup } from '../../../scripts/lib/prove/disk/memory-group.ts'
import { memoryGroups, standingOf } from '../../../src/daemon/memory-groups.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { start } from '../../support/process.ts'
import { defer, type Scope } from '../../support/scope.ts'
import { waitFor } from '../../support/wait.ts'

const MIB = 2 ** 20

/** Files as the kernel shows them. */
function kernel(scope: Scope, files: Readonly<Record<string, string>>): string {
  const folder = temporaryFolder(scope, 'groups')
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), text.replaceAll('ROOT', folder))
  }
  return folder
}

const V2 = '30 23 0:27 /SEEN ROOT/fs rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n'
const group = (name: string, max: string, high: string, current: number, stat = '') => ({
  [`fs/${name}memory.max`]: `${max}\n`,
  [`fs/${name}memory.high`]: `${high}\n`,
  [`fs/${name}memory.current`]: `${current}\n`,
  [`fs/${name}memory.stat`]: stat,
})

test('of every group above the process the lower limit counts, and what cannot be taken back of its memory', (t) => {
  const stat = 'anon 100\nactive_file 300\ninactive_file 200\nfile_dirty 30\nfile_writeback 5\nslab_reclaimable 50\n'
  const folder = kernel(t, {
    'self/mountinfo': V2.replace('SEEN', ''),
    'self/cgroup': '0::/system.slice/postern.service\n',
    'fs/cgroup.procs': '',
    ...group('system.slice/', '5000', 'max', 900),
    ...group('system.slice/postern.service/', '2000', '1500', 800, stat),
  })
  const found = memoryGroups(join(folder, 'self')).map(standingOf)
  assert.deepEqual(found, [
    { of: join(folder, 'fs/system.slice/postern.service'), heldBytes: 285, limitBytes: 1500 },
    { of: join(folder, 'fs/system.slice'), heldBytes: 900, limitBytes: 5000 },
  ])
})

test('a group without a limit, or that is gone, says nothing', (t) => {
  const self = { 'self/mountinfo': V2.replace('SEEN', ''), 'self/cgroup': '0::/a\n' }
  const folder = kernel(t, { ...self, ...group('a/', 'max', 'max', 800) })
  assert.deepEqual(memoryGroups(join(folder, 'self')).map(standingOf), [null])
  assert.equal(standingOf({ folder: join(folder, 'fs/gone'), version: 2 }), null)
  assert.equal(standingOf({ folder: join(folder, 'fs/gone'), version: 1 }), null)
  assert.deepEqual(memoryGroups(join(folder, 'nothing')), [])
})

test('in a container the group that is seen is the own one, whatever path the process is told', (t) => {
  for (const [seen, path] of [
    ['', '/'],
    ['docker/c1', '/docker/c1'],
    ['', '/docker/c1'],
    ['../..', '/../../c1'],
  ] as const) {
    const self = { 'self/mountinfo': V2.replace('SEEN', seen), 'self/cgroup': `0::${path}\n` }
    const folder = kernel(t, { ...self, ...group('', '1000', 'max', 10) })
    assert.deepEqual(memoryGroups(join(folder, 'self')).map(standingOf), [
      { of: join(folder, 'fs'), heldBytes: 10, limitBytes: 1000 },
    ])
  }
})

const HOLD = `const held = Buffer.alloc(100 * 2 ** 20, 1); console.log('held'); setInterval(() => held.length, 1000)`

test('of a real process in a real group, what it holds and what it may hold are found', async (t) => {
  const cannot = cannotLimit()
  if (cannot !== null) {
    assert.equal(process.env.CI, undefined, cannot)
    t.skip(cannot)
    return
  }
  const real = new MemoryGroup(t, 300)
  const program = real.wrap(join(temporaryFolder(t), 'in-group'), process.execPath)
  const running = await start(program, ['--eval', HOLD])
  defer(t, async () => {
    running.signal('SIGKILL')
    await running.ended
  })
  await waitFor(() => running.output().includes('held'), { what: 'memory to be held' })
  const [own] = memoryGroups(`/proc/${running.pid}`).map(standingOf)
  assert.ok(own !== null && own !== undefined, 'its group was not found')
  assert.equal(own.limitBytes, 300 * MIB)
  assert.ok(own.heldBytes > 100 * MIB && own.heldBytes < 220 * MIB, `${own.heldBytes / MIB} MiB`)
})
