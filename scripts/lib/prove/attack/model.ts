/**
 * What a session must have come to, by its own bytes: an independent reading of RFC 5321 that shares no code with the
 * product. It is given what a client sent and what it was answered, and says which messages were accepted, and
 * whether each answer belongs to a command.
 */

/** A message that was answered 250 after its end mark. */
export interface Accepted {
  readonly from: string
  readonly to: readonly string[]
  /** Unstuffed. */
  readonly content: string
  readonly queueId: string
}

export interface Reading {
  readonly accepted: readonly Accepted[]
  /** What cannot be: sentences. Empty for a sound session. */
  readonly problems: readonly string[]
}

interface Envelope {
  from: string | null
  to: string[]
}

const CRLF = '\r\n'
const CONTROL = /\p{Cc}/u
const QUEUED = /^250 2\.0\.0 Ok: queued as ([0-9A-Z]{11})$/

/** The replies of a session, each of all its lines; null where the text is none. RFC 5321 section 4.2.1. */
export function repliesIn(text: string): string[] | null {
  const replies: string[] = []
  let rest = text
  while (rest !== '') {
    const found = /^(?:(\d{3})-[^\r\n]*\r\n)*[2-5]\d{2} [^\r\n]*\r\n/.exec(rest)
    if (found === null) return null
    const lines = found[0].trimEnd().split(CRLF)
    if (lines.some((line) => line.slice(0, 3) !== lines[0]?.slice(0, 3) || CONTROL.test(line))) return null
    replies.push(lines.join(CRLF))
    rest = rest.slice(found[0].length)
  }
  return replies
}

/** Reads a session in clear: `sent` as binary text, `answered` without the greeting. */
export function readSession(sent: string, answered: string): Reading {
  const replies = repliesIn(answered)
  if (replies === null) return { accepted: [], problems: [`not replies: ${JSON.stringify(answered.slice(-300))}`] }
  return new Walk(sent, replies).read()
}

class Walk {
  readonly #sent: string
  readonly #replies: readonly string[]
  readonly #accepted: Accepted[] = []
  readonly #problems: string[] = []
  #at = 0
  #next = 0
  #open: Envelope = { from: null, to: [] }
  #over = false

  constructor(sent: string, replies: readonly string[]) {
    this.#sent = sent
    this.#replies = replies
  }

  read(): Reading {
    while (!this.#over && this.#next < this.#replies.length) this.#command()
    if (this.#next < this.#replies.length)
      this.#problems.push(`answers to nothing: ${this.#replies.slice(this.#next).join(' | ')}`)
    return { accepted: this.#accepted, problems: this.#problems }
  }

  #command(): void {
    const end = this.#sent.indexOf('\n', this.#at)
    const line = this.#sent.slice(this.#at, end < 0 ? undefined : end + 1)
    const reply = this.#reply()
    this.#at += line.length
    if (end < 0 && !isEnd(reply)) this.#problems.push(`answered before its line ended: ${JSON.stringify(line)}`)
    if (isEnd(reply)) this.#over = true
    else if (!line.endsWith(CRLF) && reply[0] !== '5') this.#problems.push(`obeyed without CRLF: ${reply}`)
    else this.#obey(line.trimEnd(), reply)
  }

  #reply(): string {
    return this.#replies[this.#next++] ?? ''
  }

  #obey(line: string, reply: string): void {
    const verb = line.slice(0, 4).toUpperCase()
    if (reply[0] === '3') this.#content(verb)
    else if (reply[0] !== '2') this.#refused()
    else if (verb === 'MAIL') this.#open = { from: pathIn(line), to: [] }
    else if (verb === 'RCPT') this.#open.to.push(pathIn(line))
    else if (verb === 'RSET' || verb === 'EHLO' || verb === 'HELO') this.#open = { from: null, to: [] }
    else if (verb === 'QUIT' || verb === 'STAR') this.#over = true
  }

  /** That it was one error too many is told by a second answer. */
  #refused(): void {
    if (!isEnd(this.#replies[this.#next] ?? '')) return
    const line = this.#sent.indexOf(CRLF, this.#at)
    // An end may as well answer the next command
    if (line < 0 || this.#next === this.#replies.length - 1) this.#end()
  }

  #end(): void {
    this.#next++
    this.#over = true
  }

  #content(verb: string): void {
    if (verb !== 'DATA') this.#problems.push(`354 to ${verb}`)
    const rest = this.#sent.slice(this.#at)
    const end = rest.startsWith(`.${CRLF}`) ? 0 : rest.indexOf(`${CRLF}.${CRLF}`) + 2
    const cut = end === 1
    const reply = this.#replies[this.#next]
    if (reply === undefined) {
      this.#over = true
      return
    }
    this.#next++
    if (cut && reply[0] === '2') this.#problems.push(`accepted without an end mark: ${reply}`)
    if (cut || isEnd(reply)) this.#over = true
    this.#at += end + 3
    this.#take(rest.slice(0, Math.max(0, end)), reply)
    if (reply[0] !== '2') this.#refused()
  }

  #take(stuffed: string, reply: string): void {
    const { from, to } = this.#open
    this.#open = { from: null, to: [] }
    if (reply[0] !== '2') return
    const queueId = QUEUED.exec(reply)?.[1]
    if (queueId === undefined || from === null || to.length === 0) {
      this.#problems.push(`accepted without an envelope: ${reply}`)
      return
    }
    this.#accepted.push({ from, to, queueId, content: stuffed.replace(/(^|\r\n)\./g, '$1') })
  }
}

/** A reply that closes the connection, or after which the server reads no further. */
const isEnd = (reply: string): boolean => /^(421|221|554 5\.5\.0|500 5\.5\.2 Line too long)/.test(reply)

const pathIn = (line: string): string => /<([^>]*)>/.exec(line)?.[1] ?? ''
