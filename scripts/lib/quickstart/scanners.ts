import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { startInBackground, stop } from '../scanners/background.ts'
import { setUpClamd } from '../scanners/clamd.ts'
import { setUpRspamd } from '../scanners/rspamd.ts'
import { eicar, gtube } from '../scanners/samples.ts'
import { type Sample, sampleWith, submit } from './message.ts'
import { freePort } from './ports.ts'
import { postern } from './postern.ts'
import { quote, step, tell } from './say.ts'
import type { Setup } from './setup.ts'

const placeOf = (folder: string): string => join(folder, 'scanners')

/** Starts clamd and Rspamd, and gives the chain of plugins that asks them. */
export async function startScanners(folder: string): Promise<readonly object[]> {
  step('A virus scanner and a spam filter: clamd, with a signature of the EICAR test file, and Rspamd')
  const place = placeOf(folder)
  mkdirSync(place, { recursive: true })
  const clamd = setUpClamd(join(place, 'clamd'))
  const rspamd = setUpRspamd(join(place, 'rspamd'), { port: await freePort(11_333) })
  for (const setup of [clamd, rspamd]) {
    const pid = await startInBackground(place, setup)
    tell(`${setup.name} answers at ${setup.address} (process ${pid}).`)
  }
  return [{ virus: { clamd: clamd.address } }, { spam: { rspamd: rspamd.address, hold: 15, reject: 'off' } }]
}

/** True if any ran. */
export async function stopScanners(folder: string): Promise<boolean> {
  const clamd = await stop(placeOf(folder), 'clamd')
  const rspamd = await stop(placeOf(folder), 'rspamd')
  return clamd || rspamd
}

/** Sends a message with a virus and one that is spam. Throws unless the first is refused and the second held. */
export async function showScanners(setup: Setup): Promise<void> {
  step('A message with a virus: the EICAR test file, which harms nobody')
  const refusal = await replyTo(setup, await sampleWith('Your invoice', { filename: 'invoice.com', content: eicar() }))
  tell('Postern said:')
  quote(refusal)
  if (!refusal.startsWith('554 ')) throw new Error('the message with the virus was not refused')

  step('A message that is spam: GTUBE, the text that every spam filter knows')
  const reply = await replyTo(setup, await sampleWith('Make money fast', gtube()))
  tell('Postern said:')
  quote(reply)
  const held = ['queue', 'list', '--in-state', 'held']
  tell(`It was taken, and waits for a person: scripts/postern ${held.join(' ')}`)
  const list = await postern(...held, '--config', setup.config, '--state', setup.state)
  quote(list)
  if (!/spam score/.test(list)) throw new Error('the spam is not held')
}

const replyTo = ({ ports, certificate }: Setup, message: Sample): Promise<string> =>
  submit(message, { port: ports.starttls, implicit: false, certificate }).catch(
    (error: Error & { response?: string }) => error.response ?? error.message,
  )
