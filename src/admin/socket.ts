import { chmod, lstat, unlink } from 'node:fs/promises'
import type { Server } from 'node:http'
import { connect } from 'node:net'

/** Somebody else listens at the socket, or what lies there is no socket. */
export class AdminSocketTaken extends Error {
  override readonly name = 'AdminSocketTaken'
}

const CLOSED_TO_OTHERS = 0o177

/**
 * Binds a server to a Unix socket at `path` with file mode `mode`. A socket that a crashed daemon
 * left behind is removed, but only when nobody answers there. Rejects with AdminSocketTaken, or
 * with the system's error.
 */
export async function listenOnSocket(server: Server, path: string, mode: number): Promise<void> {
  await removeStale(path)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    // A Unix socket is bound before `listen` returns, so nobody can connect before the mode is set
    const umask = process.umask(CLOSED_TO_OTHERS)
    try {
      server.listen({ path }, resolve)
    } finally {
      process.umask(umask)
    }
  })
  await chmod(path, mode)
}

async function removeStale(path: string): Promise<void> {
  const found = await lstat(path).catch(() => null)
  if (found === null) return
  if (!found.isSocket()) throw new AdminSocketTaken(`${path} exists and is no socket: move it away`)
  if (await isAnswered(path)) throw new AdminSocketTaken(`another daemon listens at ${path}`)
  await unlink(path)
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    // Only a refusal proves that nobody is there; anything else may be a daemon that is busy
    probe.once('error', (err: NodeJS.ErrnoException) => resolve(err.code !== 'ECONNREFUSED'))
  })
}
