import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { temporaryFolder } from '../../test/support/folder.ts'
import { freePort } from '../../test/support/ports.ts'
import { startScanner } from '../../test/support/scanner.ts'
import type { Bench, Row } from '../lib/bench/part.ts'
import { INSTRUMENT, medians, requireInstrument, watched } from '../lib/bench/relaybench.ts'
import { setUpClamd } from '../lib/scanners/clamd.ts'
import { setUpRspamd } from '../lib/scanners/rspamd.ts'

/** As many as there are cores to measure on. */
const RSPAMD_WORKERS = 2
const RELAYED = 1.2

/** Side by side with Postfix, both with clamd and Rspamd: its clamav-milter and Rspamd's milter against our plugins. */
export async function bench(bench: Bench): Promise<Row[]> {
  requireInstrument('clamd', 'clamav-milter', 'rspamd')
  const work = temporaryFolder(bench, 'scanned')
  const milterPort = await freePort()
  const clamd = await startScanner(bench, setUpClamd(join(work, 'clamd')))
  const rspamd = await startScanner(
    bench,
    setUpRspamd(join(work, 'rspamd'), { port: await freePort(), workers: RSPAMD_WORKERS, milterPort }),
  )
  const config = join(work, 'postern.yaml')
  const inspect = [{ virus: { clamd: clamd.address } }, { spam: { rspamd: rspamd.address } }]
  writeFileSync(config, `${readFileSync('config/bench.yaml', 'utf8')}\n${stringify({ inspect })}`)
  const command = `scripts/postern serve --config ${config} --state ${join(work, 'state')}`
  const amount = bench.quick ? ['-r', '1', '-n', '200', '--warm', '50'] : ['-r', '3', '-n', '2000', '--warm', '200']
  const instrument = ['python3', 'scripts/lib/bench/scanned.py', INSTRUMENT, clamd.address, String(milterPort)]
  const sides = ['postfix', `cmd:postern:2530:2625:${command}`]
  const output = await watched([...instrument, ...amount, ...sides], bench.say)
  const [postfix, postern] = [medians(output, 'postfix'), medians(output, 'postern')]
  return [
    { name: 'relayed', value: postern.relay / postfix.relay, unit: '× Postfix', goal: { atLeast: RELAYED } },
    { name: 'relayed', value: postern.relay, unit: 'messages/s' },
    { name: 'CPU per message, without the scanners', value: postern.cpu, unit: 'ms' },
    { name: 'memory', value: postern.rss, unit: 'MiB' },
  ]
}
