/** What is sent, to every server alike. */
export interface Load {
  /** On the command line and in file names. */
  readonly name: string
  /** In tables. */
  readonly title: string
  readonly sessions: number
  /** Of a message, about. */
  readonly bytes: number
  /** Many messages over a connection, or one. */
  readonly keep: boolean
  /** STARTTLS: a whole handshake for each connection. */
  readonly tls: boolean
  /** What is asked of Postern, times Postfix. */
  readonly atLeast?: number
}

const KIB = 1024
const LETTER = 10 * KIB

export const LOADS: readonly Load[] = [
  {
    ...{ name: 'letter', title: '10 KiB, 20 sessions kept open', atLeast: 6 },
    ...{ sessions: 20, bytes: LETTER, keep: true, tls: false },
  },
  {
    ...{ name: 'crowd', title: '4 KiB, 100 sessions kept open' },
    ...{ sessions: 100, bytes: 4 * KIB, keep: true, tls: false },
  },
  {
    ...{ name: 'connect', title: '10 KiB, a connection per message', atLeast: 2.5 },
    ...{ sessions: 20, bytes: LETTER, keep: false, tls: false },
  },
  {
    ...{ name: 'large', title: '1 MiB, 20 sessions kept open', atLeast: 2 },
    ...{ sessions: 20, bytes: KIB * KIB, keep: true, tls: false },
  },
  {
    ...{ name: 'tls', title: '10 KiB, a new TLS connection per message', atLeast: 1.5 },
    ...{ sessions: 20, bytes: LETTER, keep: false, tls: true },
  },
  {
    ...{ name: 'tls-kept', title: '10 KiB in TLS, 20 sessions kept open' },
    ...{ sessions: 20, bytes: LETTER, keep: true, tls: true },
  },
]
