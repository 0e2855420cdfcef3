import { attempt } from '../attempt.ts'
import { spendItem, spendWork } from '../budget.ts'
import { damaged } from '../failure.ts'
import type { Format, Visit } from '../reader.ts'
import { attachmentProperties } from './tnef-properties.ts'

/** MS-OXTNEF 2.1.3: identifiers of attributes. */
const ATTRIBUTE = { renderData: 0x00069002, attachment: 0x00069005, data: 0x0006800f, title: 0x00018010 } as const
const HEADER = 6
const OVERHEAD = 11

/** winmail.dat: attachments in Microsoft's transport-neutral encapsulation, with messages in messages. */
export const tnef: Format = {
  name: 'TNEF (winmail.dat)',
  matches: (bytes) => bytes.length >= 4 && bytes.readUInt32LE(0) === 0x223e9f78,
  read,
}

interface Attachment {
  title: string | null
  longName: string | null
  data: Buffer | null
  object: Buffer | null
}

function read(visit: Visit): void {
  const { bytes, budget } = visit
  let current: Attachment | null = null
  for (let at = HEADER; at < bytes.length; ) {
    spendItem(budget)
    const level = bytes.readUInt8(at)
    const id = bytes.readUInt32LE(at + 1)
    const length = bytes.readUInt32LE(at + 5)
    if (level !== 1 && level !== 2) damaged('one of its attributes is damaged')
    const value = bytes.subarray(at + 9, at + 9 + length)
    if (at + OVERHEAD + length > bytes.length) {
      leave(visit, current)
      damaged('ends too early')
    }
    if (id === ATTRIBUTE.renderData) {
      leave(visit, current)
      current = { title: null, longName: null, data: null, object: null }
    }
    if (level === 2 && current !== null) fill(visit, current, id, value)
    at += OVERHEAD + length
  }
  leave(visit, current)
}

function fill(visit: Visit, attachment: Attachment, id: number, value: Buffer): void {
  spendWork(visit.budget, value.length)
  if (id === ATTRIBUTE.title) attachment.title = value.toString('latin1').replace(/\0.*$/su, '')
  if (id === ATTRIBUTE.data) attachment.data = value
  if (id !== ATTRIBUTE.attachment) return
  const properties = attachmentProperties(visit, value)
  attachment.longName = properties.name ?? attachment.longName
  attachment.object = properties.object ?? attachment.object
}

function leave(visit: Visit, attachment: Attachment | null): void {
  if (attachment === null) return
  const name = attachment.longName ?? attachment.title ?? 'attachment'
  attempt(visit, name, () => {
    const content = attachment.object ?? attachment.data
    if (content === null) visit.member(name)
    else visit.child(name, content)
    if (attachment.object !== null && attachment.data !== null && attachment.data.length > 0)
      visit.child(name, attachment.data)
  })
}
