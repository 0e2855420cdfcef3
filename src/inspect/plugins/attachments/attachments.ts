import type { Answer, Inspector, MessageView } from '../../plugin.ts'
import { type BuiltInContext, type Services, servicesOf } from '../../services.ts'
import { examineAtOnce } from './at-once.ts'
import { tooLarge } from './examine.ts'
import { exceptedChecks } from './exceptions.ts'
import { factsOf } from './facts.ts'
import type { Findings } from './findings.ts'
import type { AttachmentsOptions } from './options.ts'
import { NAME, verdictOn } from './policy.ts'

/**
 * Refuses what no scanner can look into, and what may not pass at all. Files are read in a worker; a message
 * that holds nothing but a little text is judged here.
 */
export function attachmentsPlugin(options: AttachmentsOptions, context: BuiltInContext): Inspector {
  const services = servicesOf(NAME, context)
  services.pool.warm()
  return {
    name: NAME,
    phase: 'inspect',
    async data(message): Promise<Answer> {
      const findings = await findingsOn(message, options, services)
      const excepted = exceptedChecks(options.exceptions, message)
      return { verdict: verdictOn(options.policy, findings, excepted), facts: factsOf(findings, excepted) }
    },
  }
}

async function findingsOn(
  { content, signal }: MessageView,
  { examination, maxMessage }: AttachmentsOptions,
  { pool }: Services,
): Promise<Findings> {
  if (content.size > maxMessage) return tooLarge(content.size, maxMessage)
  const found = content.bytes === null ? null : examineAtOnce(content.bytes, examination)
  return found ?? pool.run('examine', examination, content, { signal })
}
