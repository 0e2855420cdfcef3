/** Something that should be a report and cannot be read as one. The text is ours, never the sender's. */
export class Damaged extends Error {
  override readonly name = 'Damaged'
  sender = ''
}
