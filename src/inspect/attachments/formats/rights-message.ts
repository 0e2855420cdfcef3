import type { Format } from '../reader.ts'

/** MS-OXORMMS 2.2.4: message.rpmsg, the body and attachments of a rights-managed message. */
export const rightsMessage: Format = {
  name: 'rights-managed message',
  matches: (bytes) => bytes.subarray(0, 8).equals(Buffer.from('76e80460c411e386', 'hex')),
  read: (visit) => visit.note('encrypted', 'rights management (IRM)'),
}
