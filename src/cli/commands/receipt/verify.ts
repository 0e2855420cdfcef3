import { createPublicKey, type KeyObject } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { Command } from 'commander'
import type { SignedReceipt } from '../../../mail/receipt.ts'
import { BadReceipt, readReceipt, signedBytes } from '../../../mail/receipt-signature.ts'
import { CommandFailure, EXIT } from '../../exit.ts'
import { processTerminal, type Terminal } from '../../terminal.ts'
import { describeReceipt } from '../../text/receipt.ts'
import { readSmall, writeNew } from './files.ts'

const LARGEST_RECEIPT = 64 * 1_048_576
const LARGEST_KEY = 65_536

export function verifyCommand(): Command {
  return new Command('verify')
    .argument('<file>', 'a receipt')
    .description('check a receipt, and say what it certifies; needs no daemon')
    .option('--key <file>', 'the public key (PEM) that it must have been signed with')
    .option('--extract <dir>', 'write what was signed, its signature and its key there, for other programs')
    .option('--json', 'print JSON for programs')
    .addHelpText('after', HELP)
    .action(verify)
}

const HELP = `
Without --key it is checked with the key that it carries itself: that shows that it was not altered since
it was signed, and not who signed it. Compare the key's id with what the relay's operators say, or use --key.

OpenSSL 3 checks it too:
  postern receipt verify FILE --extract DIR
  openssl pkeyutl -verify -rawin -pubin -inkey DIR/key.pem -sigfile DIR/signature.bin -in DIR/receipt.json
and without postern: jq -cjS .receipt FILE gives what was signed, jq -r .signature.value FILE | base64 -d
its signature.`

interface VerifyOptions {
  readonly key?: string
  readonly extract?: string
  readonly json?: boolean
}

function verify(file: string, { key, extract, json }: VerifyOptions): void {
  const signed = checked(file, key === undefined ? null : readKey(key))
  const terminal = processTerminal()
  if (extract !== undefined) writeParts(extract, signed)
  if (json === true) terminal.json({ ok: true, trusted: key !== undefined, ...signed })
  else tell(terminal, signed, key)
}

function checked(file: string, trusted: KeyObject | null): SignedReceipt {
  try {
    return readReceipt(readSmall(file, LARGEST_RECEIPT), trusted)
  } catch (error) {
    if (!(error instanceof BadReceipt)) throw error
    throw new CommandFailure(EXIT.failed, `${file} does not hold: ${error.message}.`)
  }
}

function readKey(file: string): KeyObject {
  const pem = readSmall(file, LARGEST_KEY)
  try {
    const key = createPublicKey(pem)
    if (key.asymmetricKeyType === 'ed25519') return key
  } catch {
    // as below
  }
  throw new CommandFailure(EXIT.usage, `${file} holds no Ed25519 key in PEM.`)
}

function tell(terminal: Terminal, signed: SignedReceipt, key: string | undefined): void {
  const trust =
    key === undefined
      ? [
          `It was not altered since it was signed with the key ${signed.signature.keyId}, which it carries itself.`,
          'Whose key that is it cannot show: compare its id, or use --key.',
        ]
      : [`The signature holds, with the key of ${key}.`]
  terminal.print(...trust, '', ...describeReceipt(signed))
}

function writeParts(folder: string, { receipt, signature }: SignedReceipt): void {
  mkdirSync(folder, { recursive: true })
  const key = createPublicKey({ key: Buffer.from(signature.publicKey, 'base64'), type: 'spki', format: 'der' })
  writeNew(join(folder, 'receipt.json'), signedBytes(receipt), 0o644)
  writeNew(join(folder, 'signature.bin'), Buffer.from(signature.value, 'base64'), 0o644)
  writeNew(join(folder, 'key.pem'), key.export({ type: 'spki', format: 'pem' }), 0o644)
}
