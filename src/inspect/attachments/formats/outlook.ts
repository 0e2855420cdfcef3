import { attempt } from '../attempt.ts'
import type { Visit } from '../reader.ts'
import type { OleEntry, OleFile } from './ole-file.ts'

/** MS-OXMSG 2.2: attachments of an Outlook message (.msg), also those of messages attached to it. */
export function readMessageFile(visit: Visit, file: OleFile): void {
  for (const storage of file.storages) {
    if (!/^__attach_version1\.0_/iu.test(storage.name)) continue
    const parents = [...storage.parents, storage.name]
    const name = textOf(file, '3707', parents) ?? textOf(file, '3704', parents) ?? 'attachment'
    const data = file.find('__substg1.0_37010102', parents)
    attempt(visit, name, () => {
      if (data !== undefined) visit.child(name, file.read(data), textOf(file, '370E', parents)?.toLowerCase() ?? null)
      else visit.member(name)
    })
  }
}

/** A property of text, in Unicode or in a code page. */
function textOf(file: OleFile, id: string, parents: readonly string[]): string | null {
  const wide = file.find(`__substg1.0_${id}001F`, parents)
  if (wide !== undefined) return untilZero(read(file, wide).toString('utf16le'))
  const narrow = file.find(`__substg1.0_${id}001E`, parents)
  return narrow === undefined ? null : untilZero(read(file, narrow).toString('latin1'))
}

const untilZero = (text: string): string => text.replace(/\0.*$/su, '')

const read = (file: OleFile, entry: OleEntry): Buffer => file.read(entry).subarray(0, 2048)
