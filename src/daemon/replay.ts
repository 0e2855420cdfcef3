import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import { type Config, formatProblem, loadConfig } from '../config/index.ts'
import { NoLedger } from '../ledger/verify/file.ts'
import { type Changed, replay } from '../replay/replay.ts'
import type { ReplayReport } from '../replay/report.ts'
import { createWorld, type WorldOptions } from '../replay/world.ts'
import { acceptOptions } from './accept-options.ts'
import { deliverOptions } from './deliver-options.ts'
import { CurrentRecipients } from './recipients.ts'
import { sensitiveServices } from './sensitive.ts'
import { transportOptions } from './transport-options.ts'

export type { Changed, ReplayReport }

/** What an operator asks for. */
export interface ConfigReplayRequest {
  /** The configuration in force, which says where the record is. */
  readonly configFile: string
  readonly proposedFile: string
  /** In place of the configuration's `state.dir`. */
  readonly stateDir: string | null
  readonly spanMs: number
  readonly onChange?: (changed: Changed) => Promise<void> | void
}

/** `wrong`: a configuration or the record, one line each; nothing was compared. */
export type ConfigReplayed =
  | { readonly report: ReplayReport }
  | { readonly wrong: readonly string[]; readonly config: boolean }

/** Judges the messages on record by the configuration in force and by another one. */
export async function replayConfig(request: ConfigReplayRequest, clock: Clock): Promise<ConfigReplayed> {
  const { configFile, proposedFile, spanMs, onChange } = request
  const inForce = usable(configFile, request, clock)
  const proposed = usable(proposedFile, request, clock)
  const wrong = [inForce, proposed].flatMap((each) => ('wrong' in each ? each.wrong : []))
  if ('wrong' in inForce || 'wrong' in proposed) return { wrong, config: true }
  try {
    const report = await replay(
      {
        ...{ spanMs, inForce: inForce.world, proposed: proposed.world },
        ledger: join(inForce.config.state.ledger, 'ledger.db'),
        files: { inForce: configFile, proposed: proposedFile },
        ...(onChange !== undefined && { onChange }),
      },
      clock,
    )
    return { report }
  } catch (error) {
    if (error instanceof NoLedger || isSqlite(error)) return { wrong: [error.message], config: false }
    throw error
  }
}

const isSqlite = (error: unknown): error is Error => error instanceof Error && error.name === 'SqliteError'

type Usable = { readonly config: Config; readonly world: WorldOptions } | { readonly wrong: readonly string[] }

function usable(file: string, { stateDir }: ConfigReplayRequest, clock: Clock): Usable {
  const loaded = loadConfig(file, { env: process.env, ...(stateDir !== null && { stateDir }) })
  if (!loaded.ok) return { wrong: loaded.problems.map(formatProblem) }
  const { config } = loaded
  try {
    const world = worldOptions(config, clock)
    // a file that it needs cannot be read, or two clients are one
    createWorld(world, world, clock)
    return { config, world }
  } catch (error) {
    return { wrong: [`${file}: ${error instanceof Error ? error.message : String(error)}`] }
  }
}

function worldOptions(config: Config, clock: Clock): WorldOptions {
  return {
    accept: acceptOptions(config),
    recipientList: new CurrentRecipients(config),
    plugins: config.inspect,
    routes: deliverOptions(config, []).routes,
    transport: transportOptions(config),
    sensitive: sensitiveServices(config, clock),
  }
}
