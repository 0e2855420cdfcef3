import type { JobInput } from '../../pool/job.ts'
import { type Examination, examine } from './examine.ts'
import type { Findings } from './findings.ts'

/** Examines a message in a thread. The plugin has bounded its size. */
export async function examineJob(examination: Examination, input: JobInput): Promise<Findings> {
  return examine(input.bytes ?? (await collected(input)), examination)
}

async function collected(input: JobInput): Promise<Buffer> {
  const pieces: Buffer[] = []
  for await (const piece of input.stream()) pieces.push(piece)
  return Buffer.concat(pieces)
}
