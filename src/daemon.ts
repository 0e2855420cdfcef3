import { systemClock } from './clock.ts'
import { formatProblem, loadConfig } from './config/index.ts'
import { addressKey } from './daemon/address-key.ts'
import { Relay } from './daemon/relay.ts'
import { WrongConfig } from './daemon/state-places.ts'
import { leaveYoungHeapsToThreads } from './daemon/young-heaps.ts'
import { createLog, type LogSink } from './observe/log.ts'

/** sysexits.h: EX_CONFIG. */
const EXIT_CONFIG = 78
const EXIT_FAILED = 1
const NOT_FOR_OTHERS = 0o027

export interface DaemonOptions {
  readonly configFile: string
  /** In place of the configuration's `state.dir`. */
  readonly stateDir: string | null
}

/** Runs the relay until SIGTERM or SIGINT. Resolves with the code to exit with: 0, 78 for a wrong configuration, 1 if it cannot start or go on. */
export async function runDaemon({ configFile, stateDir }: DaemonOptions): Promise<number> {
  // Whatever is made from here on: mail and what is known of it are not for others on this machine
  process.umask(NOT_FOR_OTHERS)
  leaveYoungHeapsToThreads()
  const source = { file: configFile, ...(stateDir === null ? {} : { stateDir }), env: process.env }
  const loaded = loadConfig(source.file, source)
  if (!loaded.ok) {
    for (const problem of loaded.problems) process.stderr.write(`${formatProblem(problem)}\n`)
    return EXIT_CONFIG
  }
  const { config } = loaded
  const key = config.log.addresses === 'hashed' ? { addressKey: await addressKey(config.state.dir) } : {}
  const sink = createLog({ level: config.log.level, ...key })
  for (const warning of loaded.warnings) sink.log.warn({}, formatProblem(warning))
  try {
    return await serve(await Relay.start(config, source, { sink, clock: systemClock }), sink)
  } catch (err) {
    sink.log.error({ err }, 'cannot start')
    process.stderr.write(`postern: cannot start: ${err instanceof Error ? err.message : String(err)}\n`)
    return err instanceof WrongConfig ? EXIT_CONFIG : EXIT_FAILED
  } finally {
    sink.close()
  }
}

/** Until a signal, or until something breaks that only a new start can mend. */
async function serve(relay: Relay, { log }: LogSink): Promise<number> {
  const reload = () => void relay.reload('signal:SIGHUP')
  process.on('SIGHUP', reload)
  const why = await Promise.race([stopSignal(), relay.broken])
  process.off('SIGHUP', reload)
  log.info({ why: why instanceof Error ? why.message : why }, 'stopping')
  await relay.stop()
  log.info({}, 'stopped')
  return why instanceof Error ? EXIT_FAILED : 0
}

function stopSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal))
  })
}
