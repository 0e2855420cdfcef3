import { type Reply, reply } from '../mail/reply.ts'
import type { RecipientReply, SendResult } from '../smtp/client/contract.ts'

const WITHHELD = 'the words of the server are left out: the message is sensitive'

/**
 * What became of a sensitive message, without the words of a server that has seen its content: they may quote
 * it, and go on to logs, records and notices.
 */
export function discreet({ recipients, failure, dsnHandedOn }: SendResult): SendResult {
  return {
    recipients: recipients.map(quiet),
    failure:
      failure === null || !isAfterContent(failure.phase)
        ? failure
        : { ...failure, reply: failure.reply && withheld(failure.reply), text: quietText(failure) },
    dsnHandedOn,
  }
}

function quiet(said: RecipientReply): RecipientReply {
  if (said.is === 'unknown' || said.ours === true || !isAfterContent(said.phase)) return said
  return { ...said, reply: withheld(said.reply) }
}

const isAfterContent = (phase: string): boolean => phase === 'content' || phase === 'end'

const withheld = ({ code, enhanced }: Reply): Reply => reply(code, enhanced, WITHHELD)

/** Where it was a reply that ended the session, its words stand in the text, too. */
const quietText = ({ reply: said, text }: { reply: Reply | null; text: string }): string =>
  said === null ? text : `ended by a reply: ${said.code} ${said.enhanced ?? ''} (${WITHHELD})`
