export interface BackupReport {
  readonly folder: string
  readonly files: number
  readonly bytes: number
  readonly messages: number
}

/** The backup cannot be made or used as asked: why, in words. */
export class BackupRefused extends Error {
  override readonly name = 'BackupRefused'
}
