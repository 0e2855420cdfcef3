import type { PluginResult } from '../../outcome.ts'
import type { Modification, Modifier } from '../../plugin.ts'

const MAX_SUBJECT = 2000
/** Longer words cannot be folded into lines that may travel. */
const LONG_WORD = /\S{900}/

/** Puts a word in front of the subject of marked mail. A subject too odd to be written anew stays as it is. */
export function subjectPlugin(word: string, tag: number | null): Modifier {
  return {
    name: 'spam-subject',
    phase: 'modify',
    async modify({ results, header }): Promise<readonly Modification[]> {
      if (tag === null || !results.some((result) => isOver(result, tag))) return []
      const subjects = header.filter(({ name }) => name.toLowerCase() === 'subject')
      const [subject = ''] = subjects.map(({ value }) => value)
      const odd = subjects.length > 1 || subject.length > MAX_SUBJECT || LONG_WORD.test(subject)
      if (odd || subject.trimStart().startsWith(word)) return []
      return [
        { do: 'removeHeader', name: 'Subject' },
        { do: 'addHeader', name: 'Subject', value: `${word} ${subject.trim()}` },
      ]
    },
  }
}

const isOver = ({ plugin, facts }: PluginResult, tag: number): boolean =>
  plugin === 'spam' && typeof facts?.score === 'number' && facts.score >= tag
