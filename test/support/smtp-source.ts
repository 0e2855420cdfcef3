import { answers, freePort } from './ports.ts'
import { end, type Finished, run, start } from './process.ts'
import { defer, type Scope } from './scope.ts'
import { waitFor } from './wait.ts'

export interface SourceOptions {
  readonly port: number
  readonly messages: number
  readonly sessions: number
  readonly bytes: number
  readonly from?: string
  readonly to?: string
  /** Recipients of each message; their local parts get a number in front. */
  readonly recipients?: number
  /** A new connection for each message. */
  readonly reconnect?: boolean
}

/** Runs Postfix's load generator to its end; exit code 0 means that every message was taken. */
export function smtpSource(options: SourceOptions): Promise<Finished> {
  const { port, messages, sessions, bytes, recipients = 1 } = options
  const { from = 'source@client.test', to = 'sink@next.test', reconnect = false } = options
  const counts = ['-m', messages, '-s', sessions, '-l', bytes, '-r', recipients].map(String)
  const args = [...counts, ...(reconnect ? [] : ['-d']), '-f', from, '-t', to, `127.0.0.1:${port}`]
  return run('/usr/sbin/smtp-source', args)
}

export interface SmtpSink {
  readonly port: number
  /** Messages taken so far. */
  count(): number
}

/** Postfix's receiving test server, which counts and forgets. Extra arguments as on its command line. */
export async function startSmtpSink(scope: Scope, ...args: string[]): Promise<SmtpSink> {
  const port = await freePort()
  // -c prints running totals, separated by carriage returns
  const sink = await start('/usr/sbin/smtp-sink', ['-u', 'postfix', '-c', ...args, `127.0.0.1:${port}`, '1024'])
  defer(scope, () => end(sink))
  await waitFor(() => answers(port), { what: 'smtp-sink to listen', detail: sink.output })
  return { port, count: () => totals(sink.tail()) }
}

/** The last of `sess=1 quit=1 mesg=1`. */
function totals(output: string): number {
  return Number([...output.matchAll(/mesg=(\d+)/g)].at(-1)?.[1] ?? 0)
}
