import { generateKeyPairSync } from 'node:crypto'
import { Command } from 'commander'
import { keyIdOf } from '../../../mail/receipt-signature.ts'
import { type DaemonOptions, withDaemonOptions } from '../../options.ts'
import { openSession } from '../../session.ts'
import { processTerminal, type Terminal } from '../../terminal.ts'
import { writeNew } from './files.ts'

export function keygenCommand(): Command {
  return new Command('keygen')
    .description('make the key that receipts are signed with (Ed25519)')
    .option(
      '-o, --out <file>',
      'where the private key goes; the public one goes beside it, in FILE.pub',
      'receipts.pem',
    )
    .option('--json', 'print JSON for programs')
    .addHelpText('after', KEYGEN_HELP)
    .action(keygen)
}

const KEYGEN_HELP = `
The private key is readable by you alone: give it to the user that the daemon runs as, and name it in
receipts.key. Give the public key to whoever is to check receipts, by a way that they can trust.`

function keygen({ out, json }: { readonly out: string; readonly json?: boolean }): void {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  writeNew(out, privateKey.export({ type: 'pkcs8', format: 'pem' }), 0o600)
  writeNew(`${out}.pub`, publicKey.export({ type: 'spki', format: 'pem' }), 0o644)
  const made = { key: out, publicKey: `${out}.pub`, keyId: keyIdOf(publicKey) }
  const terminal = processTerminal()
  if (json === true) terminal.json(made)
  else tell(terminal, made)
}

function tell(terminal: Terminal, made: { readonly key: string; readonly publicKey: string; readonly keyId: string }) {
  terminal.print(
    `Made the key ${made.keyId}.`,
    'In the configuration:',
    '  receipts:',
    `    key: ${made.key}`,
    `For whoever checks receipts: ${made.publicKey}`,
  )
}

interface ApiReceiptKey {
  readonly keyId: string
  readonly publicKey: string
}

export function keyCommand(): Command {
  const command = new Command('key')
    .description('the public key of this relay, to check its receipts with')
    .option('-o, --out <file>', 'write it to this file')
  return withDaemonOptions(command).action(showKey)
}

async function showKey(options: DaemonOptions & { readonly out?: string }): Promise<void> {
  const { api, terminal, json } = openSession(options)
  const key = await api.get<ApiReceiptKey>('/v1/receipt-key')
  if (options.out !== undefined) writeNew(options.out, key.publicKey, 0o644)
  if (json) terminal.json(key)
  else if (options.out === undefined) terminal.print(...key.publicKey.trimEnd().split('\n'))
  else terminal.hint(`Wrote ${options.out}, the key ${key.keyId}.`)
}
