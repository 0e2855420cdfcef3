import { type Command, InvalidArgumentError, Option } from 'commander'
import { systemClock } from '../clock.ts'
import { parseMoment, parseSpan } from './text/time.ts'

/** Options that every command has which talks to the daemon. */
export interface DaemonOptions {
  readonly config?: string
  readonly socket?: string
  readonly state?: string
  readonly json?: boolean
}

/** Adds `--config`, `--state`, `--socket` and `--json`. */
export function withDaemonOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file, which says where the daemon listens')
    .option('--state <dir>', 'state folder, where the daemon was started with one of its own')
    .option('--socket <path>', 'admin socket of the daemon')
    .option('--json', 'print JSON for programs')
}

/** For commander: a whole number above zero. */
export function wholeNumber(text: string): number {
  const number = Number(text)
  if (!/^\d{1,9}$/.test(text) || number < 1) throw new InvalidArgumentError('Expected a whole number above zero.')
  return number
}

/** For commander: `2h`, `30m`, `5d` as milliseconds. */
export function span(text: string): number {
  const ms = parseSpan(text)
  if (ms === null) throw new InvalidArgumentError('Expected a span such as 30m, 2h or 5d.')
  return ms
}

/** For commander: a moment in the past, milliseconds since 1970. */
export const pastMoment = (text: string): number => moment(text, 'past')

/** For commander: a moment to come, milliseconds since 1970. */
export const futureMoment = (text: string): number => moment(text, 'future')

function moment(text: string, direction: 'past' | 'future'): number {
  const at = parseMoment(text, systemClock.now(), direction)
  if (at === null) throw new InvalidArgumentError('Expected a time such as 2026-11-22T13:00Z, or a span such as 2h.')
  return at
}

/** An option that takes one of a few words. */
export const choice = (flags: string, description: string, choices: readonly string[]): Option =>
  new Option(flags, description).choices(choices)
