import { connect } from 'node:net'
import { join } from 'node:path'
import { makeCertificate } from '../../../../test/support/certs.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { freePort } from '../../../../test/support/ports.ts'
import { defer, type Scope } from '../../../../test/support/scope.ts'
import { waitFor } from '../../../../test/support/wait.ts'
import { Group } from './group.ts'
import type { Mta } from './mta.ts'
import { type Native, Sink } from './native.ts'

/** A server that greets, with its next hop. */
export interface Server {
  readonly port: number
  /** For what is noted of the run; removed with it. */
  readonly folder: string
  readonly group: Group
  readonly sink: Sink
}

const START_MS = 60_000

/** Starts a server anew, with an empty queue, does something with it and takes all of it away. Rejects unless it greets. */
export async function withServer<T>(native: Native, mta: Mta, use: (server: Server) => Promise<T>): Promise<T> {
  const undos: (() => unknown)[] = []
  const scope = { after: (undo: unknown) => void undos.push(undo as () => unknown) }
  try {
    return await use(await start(scope, native, mta))
  } finally {
    for (const undo of undos) await undo()
  }
}

async function start(scope: Scope, native: Native, mta: Mta): Promise<Server> {
  const folder = temporaryFolder(scope, 'bench-run')
  const [port, sinkPort] = [await freePort(), await freePort()]
  const group = new Group(mta.name.toLowerCase())
  defer(scope, () => group.end())
  const sink = new Sink(native.sink, sinkPort, join(folder, 'arrivals'))
  await sink.start()
  defer(scope, () => sink.stop())
  const certificate = makeCertificate(folder, 'relay', ['relay.test'])
  await mta.start({ folder: temporaryFolder(scope, 'bench-mta'), port, sink: sinkPort, certificate, group })
  const answersOrEnds = async () => {
    if (await greets(port)) return true
    if (group.ended()) throw new Error(`${mta.name} ended at its start: ${group.output()}`)
    return false
  }
  await waitFor(answersOrEnds, {
    what: `${mta.name} to answer`,
    timeoutMs: START_MS,
    detail: () => group.output(),
  })
  return { port, folder, group, sink }
}

/** Whether something says 220 there. */
function greets(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1', timeout: 5000 })
    const answer = (yes: boolean) => {
      resolve(yes)
      socket.end('QUIT\r\n')
    }
    socket.once('data', (chunk) => answer(chunk.toString().startsWith('220')))
    socket.once('error', () => answer(false))
    socket.once('close', () => answer(false))
    socket.once('timeout', () => socket.destroy())
  })
}
