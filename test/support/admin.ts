import { request } from 'node:http'

const TIMEOUT_MS = 3000

/** GET on a daemon's admin socket, parsed. Rejects with what it said unless that is 200. */
export const adminGet = (socketPath: string, path: string): Promise<unknown> => ask(socketPath, path, null)

/** Likewise POST, which must be answered within three seconds. */
export const adminPost = (
  socketPath: string,
  path: string,
  body: Readonly<Record<string, unknown>>,
): Promise<unknown> => ask(socketPath, path, JSON.stringify(body))

function ask(socketPath: string, path: string, body: string | null): Promise<unknown> {
  const post = () => ({
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  return new Promise((resolve, reject) => {
    const how = { socketPath, path, agent: false, ...(body !== null && post()) } as const
    const call = request(how, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString()
        if (response.statusCode === 200) resolve(JSON.parse(text))
        else reject(new Error(`${path} answered ${response.statusCode}: ${text}`))
      })
    })
    call.on('error', reject)
    call.end(body ?? undefined)
  })
}
