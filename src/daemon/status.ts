import type { DaemonStatus } from '../admin/ports.ts'
import { version } from '../cli/version.ts'
import type { Config } from '../config/index.ts'
import type { Chain } from '../inspect/chain.ts'
import { certificateAlarms } from './certificates.ts'
import { registerAlarms } from './register-alarms.ts'
import type { Rooms } from './rooms.ts'
import { ASKED } from './watch.ts'

/** How a relay stands at one moment. */
export interface Standing {
  readonly config: Config
  readonly rooms: Pick<Rooms, 'listeners' | 'deliver' | 'spool' | 'certificates' | 'transport' | 'watch' | 'memory'>
  /** In force now. */
  readonly chain: Pick<Chain, 'health'>
  readonly phase: DaemonStatus['phase']
  /** Milliseconds since 1970. */
  readonly now: number
  readonly lastReload: DaemonStatus['lastReload']
}

/** What `postern status` tells of the daemon itself. */
export function statusOf(standing: Standing, startedAt: number): DaemonStatus {
  const { config, rooms, phase, lastReload } = standing
  return {
    version: version(),
    hostname: config.hostname,
    pid: process.pid,
    startedAt,
    configFile: config.file,
    stateDir: config.state.dir,
    phase,
    listeners: rooms.listeners.status(),
    delivery: rooms.deliver.status(),
    unhealthy: unhealthy(standing),
    unready: unready(standing),
    alarms: alarmsOf(standing),
    lastReload,
  }
}

/** What works less well than it should, a line each. */
function alarmsOf({ config, rooms, chain, now }: Standing): string[] {
  const unwell = chain.health().filter(({ ok }) => !ok)
  const plugins = unwell.map(({ plugin, text }) => `${plugin}: ${text}`)
  const register = registerAlarms(config, now)
  const asked = [...plugins, ...certificateAlarms(rooms.certificates), ...register, ...rooms.transport.alarms()]
  // what can be asked is told as it is now; the rest as it was raised
  const raised = rooms.watch.standing().filter(({ kind }) => !ASKED.includes(kind))
  return [...raised.map(({ text }) => text), ...asked]
}

/** Why the process should be started anew. */
export const unhealthy = ({ rooms }: Standing): string[] =>
  rooms.spool.room() === 'broken' ? ['the spool does not answer'] : []

/** Why no mail should be sent here now. */
export function unready({ rooms, phase }: Standing): string[] {
  const room = rooms.spool.room()
  return [
    ...(phase === 'running' ? [] : [`the relay is ${phase}`]),
    ...(room === 'open' ? [] : [`the spool is ${room}`]),
    ...(rooms.memory.trouble === null ? [] : ['memory is short']),
  ]
}
