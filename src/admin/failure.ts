/** A request that cannot be granted; told to the operator as it stands. */
export class AdminFailure extends Error {
  override readonly name = 'AdminFailure'
  readonly statusCode: number
  /** One word for programs. */
  readonly error: string

  constructor(statusCode: number, error: string, message: string) {
    super(message)
    this.statusCode = statusCode
    this.error = error
  }
}

export const badRequest = (message: string): AdminFailure => new AdminFailure(400, 'bad-request', message)

export const noSuchMessage = (queueId: string): AdminFailure =>
  new AdminFailure(
    404,
    'not-found',
    `There is no message ${queueId} in the queue. What became of it: postern trace ${queueId}`,
  )
