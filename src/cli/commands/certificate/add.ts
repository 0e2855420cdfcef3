import { Command } from 'commander'
import type { ApiCertificateAdd, ApiCertificateAddition, ApiExaminedCertificate } from '../../api.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { openSession, type Session } from '../../session.ts'
import { counted } from '../../text/size.ts'
import { certificatesIn, type Found } from './files.ts'

interface AddOptions extends DaemonOptions {
  readonly address?: string
}

interface ImportOptions extends DaemonOptions {
  readonly skipWrong?: boolean
  readonly dryRun?: boolean
}

export function addCommand(): Command {
  const command = new Command('add')
    .argument('<file>', 'PEM or DER')
    .description("add a recipient's certificate, so that sensitive mail to them can be encrypted")
    .option('-a, --address <address>', 'whose it is, where the certificate does not say or names another address')
  return withDaemonOptions(command).addHelpText('after', ADD_HELP).action(add)
}

const ADD_HELP = `
By adding a certificate you answer for whose it is: compare its fingerprint with its owner by telephone.
Only RSA certificates of at least 2,048 bits that are meant for encryption are taken.

Examples:
  postern certificate add ward7.pem
  postern certificate add gp.crt --address reception@practice.example`

export function importCommand(): Command {
  const command = new Command('import')
    .argument('<path>', 'a PEM file with many certificates, or a folder of .pem, .crt, .cer and .der files')
    .description('add many certificates; if one of them is wrong, nothing is changed')
    .option('--skip-wrong', 'add the others all the same')
    .option('--dry-run', 'say what would be, and change nothing')
  return withDaemonOptions(command).action(importAll)
}

async function add(file: string, options: AddOptions): Promise<void> {
  const session = openSession(options)
  const found = await certificatesIn(file)
  if (options.address !== undefined && found.length > 1) {
    const several = `${file} holds ${found.length} certificates, and --address names the owner of one.`
    throw new CommandFailure(EXIT.usage, several)
  }
  const more = options.address === undefined ? {} : { address: options.address }
  const judged = await judge(session, found, { ...more, check: true })
  tell(session, judged)
  if (judged.some(isWrong)) throw new CommandFailure(EXIT.failed, 'Nothing was changed.')
  await judge(session, found, more)
  tellEnd(session, judged, judged.length)
}

async function importAll(
  path: string,
  { skipWrong = false, dryRun = false, ...options }: ImportOptions,
): Promise<void> {
  const session = openSession(options)
  const judged = await judge(session, await certificatesIn(path), { check: true })
  tell(session, judged)
  const right = judged.filter((each) => !isWrong(each))
  const wrong = judged.length - right.length
  if (wrong > 0 && !skipWrong) {
    if (session.json) tellEnd(session, judged, 0)
    throw new CommandFailure(EXIT.failed, `${counted(wrong, 'certificate')} wrong: nothing was changed.`)
  }
  if (!dryRun) await judge(session, right, {})
  tellEnd(session, judged, dryRun ? 0 : right.length)
}

interface Judged extends Found {
  readonly result: ApiExaminedCertificate
}

const isWrong = ({ result }: Judged): boolean => result.problems.length > 0

/** What one request may hold; the daemon takes up to 50. */
const MOST_AT_ONCE = 25
const MOST_BYTES = 150_000

/** Asks for, or about, certificates in parts. */
async function judge(session: Session, found: readonly Found[], more: Partial<ApiCertificateAdd>): Promise<Judged[]> {
  const judged: Judged[] = []
  for (const part of partsOf(found)) {
    const body = { certificates: part.map(({ certificate }) => certificate.slice(0, 60_000)), by: session.by, ...more }
    const { results } = await session.api.post<ApiCertificateAddition>('/v1/certificates', body)
    for (const [i, each] of part.entries()) {
      const result = results[i]
      if (result === undefined) throw new CommandFailure(EXIT.failed, 'The daemon did not answer for all of them.')
      judged.push({ ...each, result })
    }
  }
  return judged
}

function* partsOf(found: readonly Found[]): Generator<Found[]> {
  let part: Found[] = []
  let bytes = 0
  for (const each of found) {
    const size = Math.min(each.certificate.length, 60_000)
    if (part.length > 0 && (part.length === MOST_AT_ONCE || bytes + size > MOST_BYTES)) {
      yield part
      part = []
      bytes = 0
    }
    part.push(each)
    bytes += size
  }
  if (part.length > 0) yield part
}

function tell({ terminal, json }: Session, judged: readonly Judged[]): void {
  if (json) return
  for (const { where, result } of judged) {
    const { addresses, fingerprint, notAfter, problems, warnings } = result
    if (problems.length > 0) terminal.print(`${where}: refused: ${problems.join('; ')}`)
    else terminal.print(`${where}: ${addresses.join(', ')}, until ${notAfter?.slice(0, 10)}, SHA-256 ${fingerprint}`)
    for (const warning of warnings) terminal.print(`${where}: note: ${warning}`)
  }
}

function tellEnd({ terminal, json }: Session, judged: readonly Judged[], stored: number): void {
  if (json) terminal.json({ stored, results: judged.map(({ where, result }) => ({ where, ...result })) })
  else terminal.print(`${counted(stored, 'certificate')} added.`)
}
