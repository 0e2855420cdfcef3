import { type Finished, run } from './process.ts'

export interface SwaksOptions {
  readonly port: number
  readonly from?: string
  readonly to?: string
  readonly body?: string
  /** More options, as on its command line. */
  readonly args?: readonly string[]
}

/** Runs swaks, the SMTP test client, once. Its transcript is in `stdout`; exit code 0 means that the message was taken. */
export function swaks({
  port,
  from = 'swaks@client.test',
  to = 'swaks@next.test',
  body = 'a test',
  args = [],
}: SwaksOptions): Promise<Finished> {
  const given = ['--from', from, '--to', to, '--body', body, '--helo', 'swaks.client.test', '--suppress-data']
  return run('swaks', ['--server', '127.0.0.1', '--port', String(port), ...given, ...args], { timeoutMs: 30_000 })
}
