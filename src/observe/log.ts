import pino from 'pino'
import type { Log } from '../log.ts'
import { createRedactor } from './redact.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogOptions {
  /** Events below it are not written. */
  readonly level: LogLevel
  /** File descriptor to write to. Default 1, standard output: the service manager keeps, rotates and forwards it. */
  readonly fd?: number
  /** Where given, addresses of people stand in the log as tokens made with this key (32 random bytes), not in clear. */
  readonly addressKey?: Buffer
}

/** The log of the process, with what its owner needs to run it. */
export interface LogSink {
  readonly log: Log
  setLevel(level: LogLevel): void
  /** Lines that were lost because the destination took nothing for too long. */
  dropped(): number
  /** Writes out everything that waits, before it returns. */
  flush(): void
  /** Writes out everything, then closes. Later lines are lost without an error. */
  close(): void
}

// Lines are gathered up to this many bytes, or for this long, so that a busy relay makes one write of many lines
const GATHER_BYTES = 8_192
const GATHER_MS = 100
// A reader that has stopped (a full pipe) costs at most this much memory; beyond it lines are dropped and counted
const MAX_WAITING_BYTES = 8 * 1_048_576
const LONGEST_STRING = 4_096

/**
 * Makes the log of the process: pino, one JSON object a line, `time` in milliseconds since 1970.
 * Written asynchronously; what waits is written at exit, also after an uncaught error. A
 * destination that fails (a closed pipe, a full disk) never stops the relay: mail comes first.
 */
export function createLog(options: LogOptions): LogSink {
  const sink = { dropped: 0, closed: false }
  const stream = openDestination(options.fd ?? 1)
  stream.on('drop', () => sink.dropped++)
  const logger = pino(pinoOptions(options), { write: (line: string) => void stream.write(harmless(line)) })
  return {
    log: logger,
    setLevel: (level) => {
      logger.level = level
    },
    dropped: () => sink.dropped,
    flush: () => flush(stream),
    close: () => {
      if (sink.closed) return
      sink.closed = true
      logger.level = 'silent'
      flush(stream)
      stream.end()
    },
  }
}

function pinoOptions({ level, addressKey }: LogOptions): pino.LoggerOptions {
  const redact = createRedactor({ longest: LONGEST_STRING, addressKey: addressKey ?? null })
  const error = (err: unknown) =>
    err instanceof Error ? redact({ ...pino.stdSerializers.err(err) } as Record<string, unknown>) : err
  return {
    level,
    base: null,
    formatters: { level: (label) => ({ level: label }), log: redact },
    serializers: { err: error, error },
  }
}

// Beside what JSON escapes: what steers a terminal (C1), turns the direction of text, hides it or breaks the line. Peers
// and senders choose what is logged, and an operator reads it on a terminal
const MISLEADING = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g

/** The same for a program: these stand within strings only, as JSON has it. */
const harmless = (line: string): string =>
  line.replace(MISLEADING, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)

type Destination = ReturnType<typeof pino.destination>

function openDestination(fd: number): Destination {
  const stream = pino.destination({
    dest: fd,
    sync: false,
    minLength: GATHER_BYTES,
    maxLength: MAX_WAITING_BYTES,
    periodicFlush: GATHER_MS,
  })
  // Without a listener an error here would end the process; the bytes stay and are tried again with the next line
  stream.on('error', () => {})
  return stream
}

function flush(stream: Destination): void {
  try {
    stream.flushSync()
  } catch {
    // broken: there is nowhere left to say so
  }
}
