/** Something about this machine that does not fit the configuration. */
export interface Finding {
  /** `error`: Postern would not start, or would not work as configured. `warning`: it would, but somebody should know. */
  readonly level: 'error' | 'warning'
  /** The key that it is about: `tls.certificate`. */
  readonly key: string
  /** The file, address or folder. */
  readonly where: string
  readonly what: string
  /** What to do about it. */
  readonly remedy: string
}

/** `error: tls.key: /etc/postern/key.pem: cannot be read. Give …` */
export function formatFinding({ level, key, where, what, remedy }: Finding): string {
  return `${level}: ${key}: ${where}: ${what}. ${remedy}`
}

export const inWords = (error: unknown): string => {
  const { code, message } = error as NodeJS.ErrnoException
  return WORDS[code ?? ''] ?? message
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  EACCES: 'this user has no permission',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  EROFS: 'its disk is read-only',
}
