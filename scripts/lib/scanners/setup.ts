/** A scanner that is set up in a folder of its own and can be started. Nothing of the system's own instance is touched. */
export interface ScannerSetup {
  readonly name: 'clamd' | 'rspamd' | 'spamd'
  readonly command: string
  readonly args: readonly string[]
  /** Where it listens, as Postern's configuration has it. */
  readonly address: string
  /** Whether it answers. */
  ready(): Promise<boolean>
}

export const isRoot = process.getuid?.() === 0

/** Debian puts servers where only root's PATH may look. */
export const PATH = [process.env.PATH ?? '', '/usr/sbin', '/sbin'].join(':')
