import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parse } from 'yaml'
import { CommandFailure, EXIT } from './exit.ts'

/** How a command was told where the daemon is. */
export interface Whereabouts {
  readonly socket?: string
  readonly config?: string
  readonly state?: string
}

export const DEFAULT_CONFIG = '/etc/postern/postern.yaml'
export const DEFAULT_STATE = '/var/lib/postern'
const SOCKET_NAME = 'admin.sock'
// sun_path of sockaddr_un on Linux, its final zero included
const LONGEST_PATH = 107

/**
 * The path of the admin socket: `--socket`, or as the configuration file says. The file is read
 * for these keys alone, so that the queue can be looked after while the file has a mistake in it.
 */
export function findSocket(where: Whereabouts, env: NodeJS.ProcessEnv = process.env): string {
  const path = where.socket ?? env.POSTERN_SOCKET ?? socketFromConfig(where, env)
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw new CommandFailure(EXIT.usage, `The path of the socket is longer than ${LONGEST_PATH} bytes: ${path}`)
  }
  return path
}

/** The configuration file: `--config`, `POSTERN_CONFIG`, or the usual place. */
export function configPath(where: Whereabouts, env: NodeJS.ProcessEnv = process.env): string {
  return resolve(where.config ?? env.POSTERN_CONFIG ?? DEFAULT_CONFIG)
}

function socketFromConfig(where: Whereabouts, env: NodeJS.ProcessEnv): string {
  refuseStateWord(where)
  const file = configPath(where, env)
  const { socket, state } = readKeys(file)
  const folder = where.state ?? env.POSTERN_STATE ?? (state === null ? DEFAULT_STATE : resolve(dirname(file), state))
  if (socket === null) return resolve(folder, SOCKET_NAME)
  return socket.startsWith('$STATE/') ? resolve(folder, socket.slice('$STATE/'.length)) : resolve(dirname(file), socket)
}

// Whoever means the filter should hear of it, and not that no daemon runs in ./held
function refuseStateWord({ state }: Whereabouts): void {
  if (state === undefined || !/^(pending|leased|held)$/.test(state) || existsSync(state)) return
  throw new CommandFailure(EXIT.usage, `--state is the state folder. Did you mean --in-state ${state}?`)
}

function readKeys(file: string): { socket: string | null; state: string | null } {
  const found: unknown = parseFile(file)
  return { socket: textAt(found, 'admin', 'socket'), state: textAt(found, 'state', 'dir') }
}

function parseFile(file: string): unknown {
  try {
    return parse(readFileSync(file, 'utf8'))
  } catch (err) {
    throw new CommandFailure(
      EXIT.config,
      `Cannot tell from ${file} where the daemon listens (${firstLine(err)}). Name the configuration with --config, or the socket with --socket.`,
    )
  }
}

const firstLine = (err: unknown): string => (err instanceof Error ? (err.message.split('\n', 1)[0] ?? '') : String(err))

function textAt(value: unknown, ...keys: readonly string[]): string | null {
  let at = value
  for (const key of keys) {
    if (typeof at !== 'object' || at === null) return null
    at = (at as Record<string, unknown>)[key]
  }
  return typeof at === 'string' ? at : null
}
