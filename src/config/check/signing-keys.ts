import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import type { Config } from '../config.ts'
import { type Finding, inWords } from './finding.ts'

const NOT_THE_OWNER = 0o077

/** Whether the private keys of the plugins `sign` and `sensitive`, of receipts and of the ledger are there, and nobody's but their owner's. */
export async function checkSigningKeys({ inspect, receipts, ledger }: Config): Promise<Finding[]> {
  const files = inspect.flatMap(({ name, module, options }, index) => {
    if (module === null && name === 'sign') return keysOf(options, `inspect[${index}].sign`)
    const own = module === null && name === 'sensitive' ? options.key : null
    return typeof own === 'string' ? [{ key: `inspect[${index}].sensitive.key`, where: own }] : []
  })
  const ofReceipts = receipts.key === null ? [] : [{ key: 'receipts.key', where: receipts.key }]
  const ofLedger = ledger.key === null ? [] : [{ key: 'ledger.key', where: ledger.key }]
  return (await Promise.all([...files, ...ofReceipts, ...ofLedger].map(checkKey))).flat()
}

interface KeyFile {
  readonly key: string
  readonly where: string
}

function keysOf({ key, keys }: Readonly<Record<string, unknown>>, place: string): KeyFile[] {
  const more = (keys as readonly { readonly key: string }[]).map(({ key }, i) => ({
    key: `${place}.keys[${i}].key`,
    where: key,
  }))
  return [{ key: `${place}.key`, where: String(key) }, ...more]
}

async function checkKey({ key, where }: KeyFile): Promise<Finding[]> {
  try {
    await access(where, constants.R_OK)
    if (((await stat(where)).mode & NOT_THE_OWNER) === 0) return []
    const remedy = `chmod go= ${where}, and make a new key if others may have read this one.`
    return [
      { level: 'error', key, where, what: 'can be read by others than its owner, and is not used therefore', remedy },
    ]
  } catch (error) {
    const remedy = 'Give the path of the key, relative to the configuration file.'
    return [{ level: 'error', key, where, what: `cannot be read: ${inWords(error)}`, remedy }]
  }
}
