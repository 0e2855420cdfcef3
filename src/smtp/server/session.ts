import type { Recipient } from '../../mail/envelope.ts'
import type { MailCommand, Transaction, WireRemote, WireSession, WireTls } from './contract.ts'

/** What the wire knows of one connection, as the wire itself writes it. */
export class SessionState implements WireSession {
  readonly id: string
  readonly remoteAddress: string
  readonly remotePort: number
  readonly localAddress: string
  readonly localPort: number
  helo: string | null = null
  extended = false
  tls: WireTls | null = null
  user: string | null = null
  bytesIn = 0

  constructor(id: string, remote: WireRemote) {
    this.id = id
    this.remoteAddress = remote.remoteAddress
    this.remotePort = remote.remotePort
    this.localAddress = remote.localAddress
    this.localPort = remote.localPort
  }

  /** RFC 3207 section 4.2: nothing that was said in clear counts once TLS is up. */
  secured(tls: WireTls): void {
    this.tls = tls
    this.helo = null
    this.extended = false
    this.user = null
  }
}

/** A transaction under way. */
export class OpenTransaction implements Transaction {
  readonly mail: MailCommand
  readonly rcptTo: Recipient[] = []
  /** RCPT commands refused for their number alone. */
  excess = 0

  constructor(mail: MailCommand) {
    this.mail = mail
  }
}
