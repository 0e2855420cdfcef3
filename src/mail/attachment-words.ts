/** What may be wrong with the attachments of a message, the worst first. */
export const ATTACHMENT_CHECKS = ['encrypted', 'blocked', 'suspicious', 'ambiguous', 'readable', 'unread'] as const
export type AttachmentCheck = (typeof ATTACHMENT_CHECKS)[number]

/** Why a file may not pass at all: by its name (the first four), and by its content. */
export const BLOCK_RULES = [
  'extension',
  'double-extension',
  'bidi-name',
  'hidden-characters',
  'executable',
  'script',
  'shortcut',
  'macro',
  'html-application',
  'disk-image',
  'installer',
  'help-file',
  'notebook',
] as const
export type BlockRule = (typeof BLOCK_RULES)[number]
