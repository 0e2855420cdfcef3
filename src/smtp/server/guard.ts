import type { Reply } from '../../mail/reply.ts'
import type { HandlerReply, Later, SmtpServerOptions } from './contract.ts'
import { FAILED } from './replies.ts'

/** Stands between the wire and a handler that may fail: an unknown failure is temporary, and ends no session. */
export class Guard {
  readonly #settings: { readonly options: SmtpServerOptions }
  readonly #session: string

  constructor(settings: { readonly options: SmtpServerOptions }, session: string) {
    this.#settings = settings
    this.#session = session
  }

  /** The answer; 451 for a throw. */
  ask(question: () => Later<HandlerReply>): Later<HandlerReply> {
    try {
      return question()
    } catch (error) {
      return this.failed(error)
    }
  }

  /** What a notice gives back; null for a throw. */
  tell<T>(notice: () => T): T | null {
    try {
      return notice()
    } catch (error) {
      this.failed(error)
      return null
    }
  }

  /** The answer if it is a reply, otherwise 451: what is none might be read as a promise. */
  sound(answer: HandlerReply): HandlerReply {
    return isReply(answer) ? answer : this.failed(new TypeError('the handler gave no reply'))
  }

  readonly failed = (error: unknown, what = 'the handler of a session failed'): Reply => {
    this.#settings.options.log.error({ session: this.#session, err: error }, what)
    return FAILED
  }
}

const isReply = (answer: HandlerReply): boolean =>
  Number.isInteger(answer?.code) &&
  answer.code >= 200 &&
  answer.code < 600 &&
  Array.isArray(answer.lines) &&
  answer.lines.every((line) => typeof line === 'string')
