import { Readable } from 'node:stream'
import { Command } from 'commander'
import type { SignedReceipt } from '../../../mail/receipt.ts'
import { BadReceipt, readReceipt } from '../../../mail/receipt-signature.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'
import type { Terminal } from '../../terminal.ts'
import { describeReceipt } from '../../text/receipt.ts'
import { writeNew } from './files.ts'
import { keyCommand, keygenCommand } from './keys.ts'
import { verifyCommand } from './verify.ts'

/** Options belong to the subcommands alone: commander would take those of a parent for its own wherever they stand. */
export function receiptCommand(): Command {
  const receipt = new Command('receipt').description('a signed certificate of what became of a message')
  receipt.addCommand(makeCommand(), { isDefault: true })
  for (const command of [verifyCommand(), keygenCommand(), keyCommand()]) receipt.addCommand(command)
  return receipt.usage('[options] <queue-id>').addHelpText('after', HELP)
}

function makeCommand(): Command {
  const command = new Command('make')
    .argument('<queue-id>', 'of this message')
    .description('make one (make may be left out)')
    .option('-o, --out <file>', 'write it to this file')
    .option('--text', 'in words, to be read and not to be checked')
  return withDaemonOptions(command).action(make)
}

const HELP = `
The receipt holds no content and no subject. It is one line of JSON, and holds only as long as no byte
of it is altered. postern receipt verify FILE --key PUBLIC.pem checks it anywhere, without the daemon.

Examples:
  postern receipt 00KX3T9A001 --out 00KX3T9A001.receipt.json
  postern receipt 00KX3T9A001 --text
  postern receipt verify 00KX3T9A001.receipt.json --key receipts.pem.pub
  postern receipt keygen --out /etc/postern/keys/receipts.pem`

interface MakeOptions extends DaemonOptions {
  readonly out?: string
  readonly text?: boolean
}

async function make(queueId: string, options: MakeOptions): Promise<void> {
  const { api, terminal, by } = openSession(options)
  const file = await bytesOf(await api.stream(`/v1/receipts/${encodeURIComponent(queueId)}`, { by }))
  const signed = checked(file)
  if (options.out !== undefined) writeNew(options.out, file, 0o644)
  if (options.text === true) terminal.print(...describeReceipt(signed))
  else if (options.out === undefined) await show(terminal, file)
  else terminal.hint(`Wrote ${options.out}, signed with the key ${signed.signature.keyId}.`)
  if (!signed.receipt.final)
    terminal.hint('Not all of its recipients have come to their end: this is how it stands now.')
}

/** Unchanged to a file or a pipe; a terminal it could not steer anyway. */
async function show(terminal: Terminal, file: Buffer): Promise<void> {
  if (terminal.columns === null) await terminal.raw(Readable.from([file]))
  else terminal.print(file.toString().trimEnd())
}

async function bytesOf(chunks: AsyncIterable<Buffer>): Promise<Buffer> {
  const all: Buffer[] = []
  for await (const chunk of chunks) all.push(chunk)
  return Buffer.concat(all)
}

function checked(file: Buffer): SignedReceipt {
  try {
    return readReceipt(file, null)
  } catch (error) {
    if (!(error instanceof BadReceipt)) throw error
    throw new CommandFailure(EXIT.failed, `What the daemon answered is no receipt: ${error.message}.`)
  }
}
