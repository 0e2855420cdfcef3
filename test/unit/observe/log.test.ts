import assert from 'node:assert/strict'
import { openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLog } from '../../../src/observe/log.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { run } from '../../support/process.ts'

const LOG_MODULE = new URL('../../../src/observe/log.ts', import.meta.url).href

const readLines = (file: string): Record<string, unknown>[] =>
  readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))

test('Each event is one line of JSON with its level, time, message and fields', (t) => {
  const file = join(temporaryFolder(t), 'log')
  const before = Date.now()
  const { log, close } = createLog({ level: 'info', fd: openSync(file, 'a') })
  log.info({ queueId: '00KX3T9A001', size: 10_240 }, 'message accepted')
  log.debug({}, 'not written')
  log.error({ err: new Error('no more disk') }, 'commit failed')
  close()
  const [accepted, failed, ...rest] = readLines(file)
  assert.equal(accepted?.level, 'info')
  assert.equal(accepted?.queueId, '00KX3T9A001')
  assert.equal(accepted?.msg, 'message accepted')
  assert.ok(Number(accepted?.time) >= before)
  assert.equal((failed?.err as Error | undefined)?.message, 'no more disk')
  assert.deepEqual(rest, [])
})

test('A change of level takes effect at once', (t) => {
  const file = join(temporaryFolder(t), 'log')
  const { log, setLevel, close } = createLog({ level: 'warn', fd: openSync(file, 'a') })
  log.info({}, 'before')
  setLevel('info')
  log.info({}, 'after')
  close()
  assert.deepEqual(
    readLines(file).map(({ msg }) => msg),
    ['after'],
  )
})

test('What waits is written when the process exits or an exception ends it', async () => {
  for (const [end, code] of [
    ['process.exit(3)', 3],
    ["throw new Error('unforeseen')", 1],
  ] as const) {
    const program = `
      import { createLog } from ${JSON.stringify(LOG_MODULE)}
      createLog({ level: 'info' }).log.info({}, 'last words')
      ${end}`
    const ended = await run(process.execPath, ['--input-type=module', '--eval', program])
    assert.equal(ended.code, code)
    assert.match(ended.stdout, /last words/)
  }
})

test('A reader that closes the pipe does not end the process', async () => {
  const program = `
    import { createLog } from ${JSON.stringify(LOG_MODULE)}
    const { log } = createLog({ level: 'info' })
    for (let i = 0; i < 5; i++) {
      log.info({ i }, 'x'.repeat(1000))
      await new Promise((resolve) => setTimeout(resolve, 150))
    }
    process.stderr.write('still here')`
  const ended = await run('sh', ['-c', '"$0" --input-type=module --eval "$1" | head -c 1', process.execPath, program])
  assert.match(ended.stderr, /still here/)
})

test('What could steer a terminal or turn text around is escaped, and a program reads it as it was', (t) => {
  const file = join(temporaryFolder(t), 'log')
  const { log, close } = createLog({ level: 'info', fd: openSync(file, 'a') })
  const reply = '550 \x1b[2J\x9b31m\u202egpj.exe\u2028\u200b\ufeff"}\r\n{"level":"error"}'
  log.warn({ reply, err: new Error(reply) }, reply)
  close()
  assert.match(readFileSync(file, 'utf8'), /^[^\p{Cc}\p{Zl}\u200b\u202e\ufeff]*\n$/u)
  const [line] = readLines(file)
  assert.equal(line?.reply, reply)
  assert.equal(line?.msg, reply)
})
