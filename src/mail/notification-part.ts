/** One part of a report. */
export interface Part {
  /** Header fields of the part, without their final CRLF. */
  readonly fields: string[]
  readonly body: Buffer
}

const WIDTH = 76

/** RFC 2045 section 6.7, of text whose lines end in CRLF. */
export function quotedPrintable(bytes: Buffer): Buffer {
  const lines = bytes.toString('latin1').split('\r\n').map(quotedLine)
  return Buffer.from(lines.join('\r\n'), 'latin1')
}

function quotedLine(line: string): string {
  let text = ''
  let column = 0
  for (let i = 0; i < line.length; i++) {
    const piece = quoted(line.charCodeAt(i), i === line.length - 1)
    if (column + piece.length >= WIDTH) {
      text += '=\r\n'
      column = 0
    }
    text += piece
    column += piece.length
  }
  return text
}

function quoted(code: number, last: boolean): string {
  const space = code === 0x20 || code === 0x09
  const plain = (code > 0x20 && code < 0x7f && code !== 0x3d) || (space && !last)
  return plain ? String.fromCharCode(code) : `=${code.toString(16).toUpperCase().padStart(2, '0')}`
}

/** Breaks words into lines of at most `width` characters; a longer word stands alone. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ').filter(Boolean)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  if (line !== '') lines.push(line)
  return lines
}

/** Text from outside as it may stand in a report: no controls, one line, bounded. */
export function safeText(text: string, limit: number): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
  const plain = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ').trim()
  return plain.length <= limit ? plain : `${plain.slice(0, limit)}...`
}
