/** Messages with attachments, for tests of the plugin. */

export interface FileSpec {
  readonly name: string
  readonly bytes: Buffer
  readonly type?: string
}

const base64 = (bytes: Buffer): string => bytes.toString('base64').replace(/.{76}/g, '$&\r\n')

const HEAD = 'From: Ward <ward@client.test>\r\nSubject: results\r\nMIME-Version: 1.0\r\n'

/** A text, and files beside it. */
export function withFiles(...files: readonly FileSpec[]): string {
  return multipart(['Content-Type: text/plain\r\n\r\nThe results are attached.', ...files.map(filePart)])
}

export function filePart({ name, bytes, type = 'application/octet-stream' }: FileSpec): string {
  const disposition = `Content-Disposition: attachment; filename="${name}"`
  return `Content-Type: ${type}\r\n${disposition}\r\nContent-Transfer-Encoding: base64\r\n\r\n${base64(bytes)}`
}

export function multipart(parts: readonly string[], type = 'multipart/mixed'): string {
  const body = parts.map((part) => `--b1\r\n${part}\r\n`).join('')
  return `${HEAD}Content-Type: ${type}; boundary="b1"\r\n\r\n${body}--b1--\r\n`
}

export const plain = (body: string): string => `${HEAD}Content-Type: text/plain\r\n\r\n${body}`
