import { createPrivateKey, type KeyObject } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import type { AdminPorts } from '../admin/ports.ts'
import type { Config } from '../config/index.ts'

const NOT_THE_OWNER = 0o077
const LARGEST_KEY = 65_536

/** What the operators' API tells of custody, as the configuration is at that moment. */
export function custodyPorts(config: () => Config): Required<Pick<AdminPorts, 'givesUpAt' | 'receiptKey'>> {
  return {
    givesUpAt(receivedAt, isNotice) {
      const { lifetime, bounceLifetime } = config().queue
      return receivedAt + (isNotice ? Math.min(lifetime, bounceLifetime) : lifetime)
    },
    receiptKey: () => receiptKey(config()),
  }
}

/**
 * Read each time that it is needed, which is seldom: a key that is missing or broken stops receipts, and no mail.
 * Throws Error in words for the operator.
 */
function receiptKey({ receipts: { key: file } }: Config): KeyObject {
  if (file === null) throw new Error('No receipts are signed here: receipts.key is not set (postern receipt keygen).')
  const key = readKey(file)
  if (key.asymmetricKeyType !== 'ed25519') throw new Error(`receipts.key: ${file} holds no Ed25519 key.`)
  return key
}

function readKey(file: string): KeyObject {
  try {
    const { mode, size } = statSync(file)
    if ((mode & NOT_THE_OWNER) !== 0) throw new Error('others than its owner may read it')
    if (size > LARGEST_KEY) throw new Error('it is too large for a key')
    return createPrivateKey(readFileSync(file))
  } catch (error) {
    throw new Error(`receipts.key: ${file} cannot be used: ${error instanceof Error ? error.message : String(error)}`)
  }
}
