import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import type { Chain } from '../../../../src/inspect/chain.ts'
import { loadChain } from '../../../../src/inspect/load.ts'
import type { Direction, Mode } from '../../../../src/inspect/plugin.ts'
import { memoryContent } from '../../../../src/mail/content.ts'
import { parseHeader } from '../../../../src/mail/header.ts'
import { temporaryFolder } from '../../../../test/support/folder.ts'
import { pluginContext } from '../../../../test/support/services.ts'
import { rsaKey, writeKey } from '../../../../test/support/signing.ts'
import { chainMessage, never, SESSION, textOf } from '../../../../test/unit/inspect/harness.ts'
import type { Promised, Proof, Prover } from '../part.ts'
import { type Random, randomOf } from '../random.ts'
import { altered } from './altered.ts'
import { bombsOf, mixed, SPF_BOMBS } from './bombs.ts'
import { alteredFile } from './containers.ts'
import { NO_CORPORA, type RealFile, realFiles, realMail } from './corpora.ts'

const TOO_LONG_MS = 25_000
const MOST_QUESTIONS = 40
const KEY = rsaKey('relay.test', 's1')

interface Seen {
  readonly action: string
  readonly ms: number
  readonly questions: number
  /** What is wrong, or null. */
  readonly wrong: string | null
}

/** Real mail, altered, and bombs, through the whole chain of plugins in this process, without a network. */
export async function proveMail(prover: Prover): Promise<Proof> {
  const random = randomOf(prover.seed)
  const line = await ChainUnderTest.open(prover)
  const [mail, files] = [realMail(), realFiles()]
  const amount = mail.length === 0 ? 0 : prover.amount('mails')
  const seen: Seen[] = []
  for (let n = 0; n < amount && !(n > 0 && prover.isOver()); n++) {
    await turn()
    seen.push(await line.look(nextMessage(mail, files, random), random.pick(['inbound', 'outbound'])))
    if (n % 500 === 499) prover.say(`${n + 1} altered messages`)
  }
  const bombs: Awaited<ReturnType<ChainUnderTest['bomb']>>[] = []
  for (const [name, text] of Object.entries(bombsOf())) {
    if (bombs.length > 0 && prover.isOver()) break
    bombs.push(await line.bomb(name, text))
  }
  const all = [...seen, ...bombs.map(([, one]) => one)]
  return {
    tables: [
      {
        title: 'Real mail, altered, through the whole chain',
        columns: ['messages', 'go on', 'held or refused', 'deferred', 'slowest ms', 'most DNS questions'],
        rows: amount === 0 ? [] : [summary(seen)],
      },
      {
        title: 'Bombs through the whole chain',
        columns: ['bomb', 'bytes', 'what becomes of it', 'ms', 'DNS questions'],
        rows: bombs.map(([row, { action, ms, questions }]) => [...row, action, Math.round(ms), questions]),
      },
    ],
    promises: promises(all),
    notes: amount === 0 ? [NO_CORPORA] : [],
  }
}

function promises(all: readonly Seen[]): readonly Promised[] {
  const wrong = all.find((one) => one.wrong !== null)
  const slow = all.filter(({ ms, questions }) => ms > TOO_LONG_MS || questions > MOST_QUESTIONS)
  return [
    {
      text: 'No message makes a plugin fail, or leaves the chain in a form that no next hop may be given.',
      kept: wrong === undefined,
      detail: wrong?.wrong ?? `${all.length} messages`,
    },
    {
      text: 'No message takes the chain longer, or makes it ask more of the DNS, than its limits say.',
      kept: slow.length === 0,
      detail: `at most ${Math.round(Math.max(...all.map(({ ms }) => ms)))} ms and ${Math.max(...all.map(({ questions }) => questions))} questions`,
    },
  ]
}

function summary(seen: readonly Seen[]): (string | number)[] {
  const count = (...actions: string[]) => seen.filter(({ action }) => actions.includes(action)).length
  const most = (of: (one: Seen) => number) => Math.round(Math.max(...seen.map(of)))
  const goOn = count('continue', 'tag')
  const deferred = count('defer')
  return [seen.length, goOn, seen.length - goOn - deferred, deferred, most(({ ms }) => ms), most((s) => s.questions)]
}

class ChainUnderTest {
  readonly #chain: Chain
  readonly #asked: string[]

  private constructor(chain: Chain, asked: string[]) {
    this.#chain = chain
    this.#asked = asked
  }

  static async open(prover: Prover): Promise<ChainUnderTest> {
    const folder = temporaryFolder(prover)
    const text = (name: string) => {
      writeFileSync(join(folder, name), `${name}\n`)
      return join(folder, name)
    }
    const context = pluginContext(
      prover,
      { [KEY.name]: { txt: [KEY.record] }, ...SPF_BOMBS },
      { domains: ['ours.test'] },
    )
    const plugins: Readonly<Record<string, object>> = {
      headers: {},
      authentication: {},
      impersonation: {},
      attachments: {},
      banner: { text: text('banner') },
      tagline: { text: text('tagline') },
      sensitive: {},
      sign: { selector: 's1', domain: 'relay.test', key: writeKey(join(folder, 'key.pem'), KEY) },
    }
    const entries = Object.entries(plugins).map(([name, options]) => {
      // What these two refuse would not come to the others
      const mode = name === 'headers' || name === 'impersonation' ? 'observe' : 'enforce'
      return { name, module: null, mode: mode as Mode, deadlineMs: TOO_LONG_MS, options: { ...options } }
    })
    const limits = { bytes: 1 << 18, fields: 1000, content: 1 << 26 }
    return new ChainUnderTest(await loadChain(entries, limits, context), context.services.resolver.asked)
  }

  async look(text: string, direction: Direction): Promise<Seen> {
    const bytes = Buffer.from(text, 'latin1')
    const end = bytes.indexOf('\r\n\r\n')
    const header = parseHeader(end < 0 ? bytes : bytes.subarray(0, end + 2))
    const session = { ...SESSION, client: direction === 'inbound' ? null : 'ward' }
    const changes = { session, direction, header, content: memoryContent(bytes) }
    const [started, before] = [performance.now(), this.#asked.length]
    try {
      const outcome = await this.#chain.data(chainMessage('', '', changes), never)
      const { action } = outcome.verdict
      const failed = outcome.results.find((result) => result.failed !== undefined)
      const out = action === 'continue' || action === 'tag' ? await textOf(outcome) : ''
      const bare = /\r(?!\n)|(?<!\r)\n/.test(out) && !/\r(?!\n)|(?<!\r)\n/.test(text)
      const wrong = failed
        ? `${failed.plugin} failed: ${failed.failed} ${failed.reason}`
        : bare
          ? 'a bare CR or LF'
          : null
      const ms = performance.now() - started
      return { action, ms, questions: this.#asked.length - before, wrong: wrong && `${wrong} for ${shown(text)}` }
    } catch (error) {
      const wrong = `${error instanceof Error ? error.stack?.slice(0, 500) : String(error)} for ${shown(text)}`
      return { action: 'thrown', ms: performance.now() - started, questions: 0, wrong }
    }
  }

  async bomb(name: string, text: string): Promise<readonly [readonly [string, number], Seen]> {
    return [[name, text.length], await this.look(text, 'inbound')]
  }
}

const shown = (text: string): string => JSON.stringify(text).slice(0, 6000)

/** A real message with changed text or lines, often with a real file, altered too. */
function nextMessage(mail: readonly string[], files: readonly RealFile[], random: Random): string {
  const text = shuffled(random.pick(mail), random)
  const withFile = files.length > 0 && random.chance(0.3) ? attached(text, random.pick(files), random) : text
  // The wire lets no bare CR or LF in
  const changed = random.chance(0.7) ? altered(withFile, random) : withFile
  return changed.replace(/\r\n|\r|\n/g, '\r\n')
}

function shuffled(text: string, random: Random): string {
  const lines = text.split('\r\n')
  for (let n = random.below(4); n > 0; n--) {
    const at = random.below(lines.length)
    const [line = ''] = lines.splice(at, random.below(3))
    lines.splice(random.below(lines.length + 1), 0, ...Array(1 + random.below(3)).fill(line))
  }
  return lines.join('\r\n')
}

function attached(text: string, file: RealFile, random: Random): string {
  const bytes = random.chance(0.7) ? alteredFile(file.bytes, random) : file.bytes
  const head = text
    .slice(0, text.indexOf('\r\n\r\n'))
    .replace(/^(content-type|mime-version):.*(\r\n[ \t].*)*\r\n/gim, '')
  return mixed(head, file.name, bytes)
}
