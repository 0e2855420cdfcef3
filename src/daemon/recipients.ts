import type { RecipientList } from '../accept/ports.ts'
import { type Config, recipientListed } from '../config/index.ts'

/** The recipient lists of the configuration that is in force. */
export class CurrentRecipients implements RecipientList {
  #domains: Config['domains']

  constructor({ domains }: Config) {
    this.#domains = domains
  }

  exchange({ domains }: Config): void {
    this.#domains = domains
  }

  has(domain: string, key: string): boolean {
    const source = this.#domains.get(domain)?.recipients
    return source?.from === 'list' && recipientListed(source.recipients, key)
  }
}
