import { systemClock } from '../../src/clock.ts'
import { loadConfig } from '../../src/config/index.ts'
import { Relay } from '../../src/daemon/relay.ts'
import { createLog } from '../../src/observe/log.ts'

/**
 * A whole relay in which memory whose loan has ended is overwritten at once, before anybody uses it again.
 * `node poisoned-daemon.ts CONFIG STATE`, until SIGTERM; the last line of its log says how much it overwrote.
 */

const POISON = 0xa5
const [, , file = '', stateDir = ''] = process.argv
const loaded = loadConfig(file, { stateDir })
if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
const { config } = loaded
const sink = createLog({ level: config.log.level })
let times = 0
let bytes = 0
const freed = (memory: Buffer): void => {
  memory.fill(POISON)
  times++
  bytes += memory.length
}
const relay = await Relay.start(config, { file, stateDir }, { sink, clock: systemClock, freed })
const end = new Promise((resolve) => process.once('SIGTERM', resolve))
const why = await Promise.race([end, relay.broken])
await relay.stop()
process.stderr.write(`overwritten ${times} times, ${bytes} bytes; ${why}\n`)
sink.close()
