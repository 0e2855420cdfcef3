import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { dirname, join, resolve } from 'node:path'
import { Command } from 'commander'
import { systemClock } from '../../clock.ts'
import { parseDomain } from '../../mail/address.ts'
import { CommandFailure, EXIT } from '../exit.ts'
import { wholeNumber } from '../options.ts'
import { processTerminal } from '../terminal.ts'
import { formatMoment } from '../text/time.ts'

export function tlsCommand(): Command {
  return new Command('tls').description('certificates').addCommand(selfSignedCommand())
}

interface SelfSignedOptions {
  readonly name: readonly string[]
  readonly out: string
  readonly cert?: string
  readonly key?: string
  readonly days: number
  readonly force?: boolean
  readonly json?: boolean
}

function selfSignedCommand(): Command {
  return new Command('self-signed')
    .argument('[name...]', 'host names and IP addresses that it vouches for')
    .description('make a key and a certificate that vouches for itself, for first steps')
    .option('--name <name>', 'a further name; may be repeated', (name, names: string[]) => [...names, name], [])
    .option('-o, --out <dir>', 'where certificate.pem and key.pem go', '.')
    .option('--cert <file>', 'file for the certificate, instead')
    .option('--key <file>', 'file for the key, instead')
    .option('--days <count>', 'how long it is valid', wholeNumber, 365)
    .option('--force', 'overwrite files that exist')
    .option('--json', 'print JSON for programs')
    .addHelpText('after', HELP)
    .action(selfSigned)
}

const HELP = `
Others can encrypt to such a certificate, but cannot know whom they talk to. In service, use one
from an authority. The key is readable by you alone: give it to the user that the daemon runs as.

Examples:
  postern tls self-signed --name relay.example.test --out /etc/postern
  postern tls self-signed localhost 127.0.0.1 --cert cert.pem --key key.pem`

async function selfSigned(positional: string[], options: SelfSignedOptions): Promise<void> {
  const names = [...positional, ...options.name].map(readName)
  if (names.length === 0) throw new CommandFailure(EXIT.usage, 'Say what name it is for: --name relay.example.test')
  const now = systemClock.now()
  // node-forge is large, and no other command needs it
  const { makeSelfSigned, certificateFacts } = await import('../../net/certificate.ts')
  const made = await makeSelfSigned({ names, days: options.days, now })
  const files = {
    certificate: resolve(options.cert ?? join(options.out, 'certificate.pem')),
    key: resolve(options.key ?? join(options.out, 'key.pem')),
  }
  makeRoom([files.key, files.certificate], options.force === true)
  writeNew(files.key, made.key, 0o600)
  writeNew(files.certificate, made.certificate, 0o644)
  const { fingerprint, notAfter } = certificateFacts(made.certificate)
  tell({ ...files, names, fingerprint, notAfter: new Date(notAfter).toISOString() }, options.json === true)
}

function readName(text: string): string {
  const name = isIP(text) === 0 ? parseDomain(text) : text
  if (name === null || name.startsWith('[')) {
    throw new CommandFailure(EXIT.usage, `${text} is neither a host name nor an IP address.`)
  }
  return name
}

// An old file is removed, not written over: it may have a mode that lets others read the new key
function makeRoom(files: readonly string[], overwrite: boolean): void {
  const existing = files.find((file) => existsSync(file))
  if (existing !== undefined && !overwrite) {
    throw new CommandFailure(EXIT.failed, `${existing} exists; --force overwrites it.`)
  }
  for (const file of files) attempt(file, () => rmSync(file, { force: true }))
}

function writeNew(file: string, text: string, mode: number): void {
  attempt(file, () => {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, text, { mode, flag: 'wx' })
  })
}

function attempt(file: string, work: () => void): void {
  try {
    work()
  } catch (err) {
    throw new CommandFailure(EXIT.failed, `Cannot write ${file}: ${err instanceof Error ? err.message : err}`)
  }
}

interface Made {
  readonly certificate: string
  readonly key: string
  readonly names: readonly string[]
  readonly fingerprint: string
  readonly notAfter: string
}

function tell(made: Made, json: boolean): void {
  const terminal = processTerminal()
  if (json) terminal.json(made)
  else terminal.print(...describe(made))
}

function describe(made: Made): string[] {
  return [
    `Made a certificate for ${made.names.join(', ')}, valid until ${formatMoment(made.notAfter)}.`,
    `SHA-256 ${made.fingerprint}`,
    'In the configuration:',
    '  tls:',
    `    certificate: ${made.certificate}`,
    `    key: ${made.key}`,
  ]
}
