import { registerHooks } from 'node:module'

/**
 * Loaded with `node --import` before a daemon, and so in each of its threads: the spool journals
 * nothing, makes no text of what happened, and no ledger is opened. Only to measure what these cost.
 */

const JOURNAL = `
Journal.prototype.append = function () {}
Journal.prototype.connect = function (port) { port.close() }
`
const LEDGER = `
import { MessageChannel } from 'node:worker_threads'
export async function openLedger() {
  return {
    connect: () => new MessageChannel().port1,
    trace: async () => ({ messages: [], next: null }),
    happenings: async () => ({ happenings: [], next: null }),
    summary: async () => ({ entries: 0, oldest: null }),
    close: async () => {},
  }
}
`
const ENTRY_DATA = /export const entryData = [\s\S]*?\n\n/

registerHooks({
  load(url, context, next) {
    if (url.endsWith('/src/ledger/open.ts')) return { format: 'module', source: LEDGER, shortCircuit: true }
    const loaded = next(url, context)
    if (!url.endsWith('/src/spool/thread/journal.ts')) return loaded
    const source = String(loaded.source)
    if (!ENTRY_DATA.test(source)) throw new Error('the journal is not as this hook knows it')
    return { ...loaded, source: source.replace(ENTRY_DATA, "export const entryData = () => '{}'\n\n") + JOURNAL }
  },
})
