import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { need } from '../support/components.ts'
import { run } from '../support/process.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const UNIT = `${ROOT}systemd/postern.service`
const read = (file: string): string => readFileSync(`${ROOT}${file}`, 'utf8')

test('The system service is exposed to 2.0 at the most, as systemd reckons', async (t) => {
  if (!need(t, 'systemd-analyze')) return
  // --threshold counts in tenths
  const checked = await run('systemd-analyze', ['security', '--offline=true', '--threshold=20', UNIT])
  assert.match(checked.stdout, /Overall exposure level for postern\.service: [01]\.\d OK|: 2\.0 OK/)
  assert.equal(checked.code, 0, checked.stdout)
})

test('A checkout, the system service and the image run Node with the same flags and threads', () => {
  const [script, unit, image] = [read('scripts/postern'), read('systemd/postern.service'), read('Dockerfile')]
  const listed = /node_flags=\(([^)]*)\)/.exec(script)?.[1] ?? ''
  const flags = listed.split('\n').flatMap((line) => /^\s*(--\S+)/.exec(line)?.[1] ?? [])
  assert.ok(flags.length > 0)
  assert.ok(unit.includes(`ExecStart=/usr/bin/node ${flags.join(' ')} /opt/postern/dist/cli/main.js serve `))
  assert.ok(image.includes(`ENTRYPOINT ["node", ${flags.map((flag) => `"${flag}", `).join('')}"/opt/`))
  const threads = /UV_THREADPOOL_SIZE:-(\d+)/.exec(script)?.[1]
  assert.match(unit, new RegExp(`^Environment=.*UV_THREADPOOL_SIZE=${threads} MALLOC_ARENA_MAX=2$`, 'm'))
  assert.match(image, new RegExp(`^ENV .*UV_THREADPOOL_SIZE=${threads} MALLOC_ARENA_MAX=2$`, 'm'))
})

test('The image is made only of files that its build is given', () => {
  const given = read('.dockerignore')
    .split('\n')
    .flatMap((line) => /^!(.+)$/.exec(line)?.[1] ?? [])
  const copies = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, from = '']) =>
    from.split(' '),
  )
  assert.deepEqual([...new Set(copies)].sort(), given.sort())
})
