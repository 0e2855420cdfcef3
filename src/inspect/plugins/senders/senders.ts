import { readFile, stat } from 'node:fs/promises'
import { CONTINUE } from '../../../mail/verdict.ts'
import { act } from '../../action.ts'
import { OptionsError } from '../../options.ts'
import type { Inspector, PluginContext } from '../../plugin.ts'
import { SenderList } from './list.ts'
import type { SendersOptions } from './options.ts'

const NAME = 'senders'
const MAX_BYTES = 64 * 1024 * 1024

/**
 * Refuses senders that a file denies, by reverse-path and by the address that they connect from. The
 * file is read again when it has changed; while it cannot be understood, the last good one counts.
 * Throws OptionsError if there is no good one yet.
 */
export async function sendersPlugin(options: SendersOptions, context: PluginContext): Promise<Inspector> {
  const list = new ListFile(options, context, await read(options.file))
  return {
    name: NAME,
    async mail(session, from) {
      const { entries } = await list.current()
      const denied = entries.denies(session.remoteAddress, from)
      if (denied === null) return CONTINUE
      const finding = {
        reason: `${denied} is denied`,
        enhanced: '5.7.1',
        text: 'Mail from this sender is not taken',
      } as const
      return act(NAME, options.action, finding)
    },
  }
}

interface Version {
  readonly entries: SenderList
  /** Tells one version of the file from another. */
  readonly stamp: string
}

async function read(file: string): Promise<Version> {
  const stamp = await stampOf(file)
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw new OptionsError(`senders: ${file} cannot be read: ${error.message}`)
  })
  return { entries: SenderList.parse(text, file), stamp }
}

async function stampOf(file: string): Promise<string> {
  const { mtimeMs, size, ino } = await stat(file).catch((error: Error) => {
    throw new OptionsError(`senders: ${file} cannot be read: ${error.message}`)
  })
  if (size > MAX_BYTES) throw new OptionsError(`senders: ${file} is larger than ${MAX_BYTES} bytes`)
  return `${mtimeMs} ${size} ${ino}`
}

class ListFile {
  readonly #options: SendersOptions
  readonly #context: PluginContext
  #version: Version
  #checkedAt: number
  #checking: Promise<void> | null = null
  #reported = ''

  constructor(options: SendersOptions, context: PluginContext, version: Version) {
    this.#options = options
    this.#context = context
    this.#version = version
    this.#checkedAt = context.clock.now()
  }

  /** The list as it is now, looked for anew from time to time. */
  async current(): Promise<Version> {
    const now = this.#context.clock.now()
    if (this.#checking === null && now - this.#checkedAt >= this.#options.recheckMs) {
      this.#checkedAt = now
      this.#checking = this.#check().finally(() => {
        this.#checking = null
      })
    }
    await this.#checking
    return this.#version
  }

  async #check(): Promise<void> {
    const { file } = this.#options
    try {
      if ((await stampOf(file)) === this.#version.stamp) return
      this.#version = await read(file)
      this.#reported = ''
      this.#context.log.info({ plugin: NAME, file }, 'the list of senders was read again')
    } catch (error) {
      const cause = (error as Error).message
      if (cause !== this.#reported)
        this.#context.log.error({ plugin: NAME, cause }, 'the last good list of senders stays')
      this.#reported = cause
    }
  }
}
