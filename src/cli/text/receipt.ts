import type { Receipt, ReceiptPath, ReceiptRecipient, ReceiptTls, SignedReceipt } from '../../mail/receipt.ts'

/** What a receipt certifies, in words; times as they stand in it, in UTC. */
export function describeReceipt({ receipt, signature }: SignedReceipt): string[] {
  const { relay, madeAt, final, message, recipients, ledger } = receipt
  return [
    `Receipt of ${relay} for the message ${message.queueId}, made at ${madeAt}.`,
    ...(final
      ? []
      : ['NOT FINAL: not every recipient has come to its end. This is how it stood when the receipt was made.']),
    '',
    ...messageLines(receipt),
    ...recipients.flatMap((recipient) => ['', ...recipientLines(recipient)]),
    '',
    ...(ledger === null
      ? []
      : [`Record      ${places(ledger.entries)}${ledger.hash === null ? '' : `, chain ${ledger.hash}`}`]),
    `Key         ${signature.keyId}`,
  ]
}

function messageLines({ message }: Receipt): string[] {
  const { messageId, receivedAt, client, address, helo, user, tls, sender, size, split } = message
  const from = [
    client ?? 'an unknown client',
    address,
    helo === null ? null : `HELO ${helo}`,
    user === null ? null : `signed in as ${user}`,
  ]
  return [
    `Received    ${receivedAt}`,
    `From        ${from.filter((each) => each !== null && each !== undefined).join(', ')}, ${tls === null || tls === undefined ? 'without TLS' : tlsText(tls)}`,
    `Sender      ${sender ?? 'unknown'}`,
    `Message-ID  ${messageId ?? 'none'}`,
    ...(typeof size === 'number' ? [`Size        ${size} bytes`] : []),
    `SHA-256     ${message.sha256Received ?? 'unknown'} as it came`,
    `            ${message.sha256Sent ?? 'unknown'} as it went on, below the trace field of this relay`,
    ...(message.sensitive === true ? ['Sensitive   it goes over a proven path alone'] : []),
    ...(split === null || split === undefined ? [] : [`Split       ${split} of what the client sent`]),
  ]
}

function recipientLines({ address, state, final, at, reply, path, by, senderTold }: ReceiptRecipient): string[] {
  return [
    `Recipient   ${address}`,
    `  State     ${state}${final ? '' : ' (not final)'}, since ${at}${by === null || by === undefined ? '' : `, by ${by}`}`,
    ...(reply === null || reply === undefined ? [] : [`  Reply     ${reply}`]),
    ...(path === null ? [] : pathLines(path)),
    ...(typeof senderTold === 'boolean' ? [`  Notice    ${senderTold ? 'the sender was told' : 'none was due'}`] : []),
    ...(state === 'relayed'
      ? ['  Beyond    the next host accepted it; what it does with it this relay cannot certify']
      : []),
  ]
}

function pathLines({ host, address, port, tls, clear, policy, proves }: ReceiptPath): string[] {
  const where = [host, address === null ? null : `[${address}]`].filter((each) => each !== null).join(' ')
  const protection = tls === null || tls === undefined ? (clear ? 'in clear' : 'unknown') : tlsText(tls)
  const decided = [policy, proves].filter((each) => typeof each === 'string').join(': ')
  return [
    `  Path      ${where}${typeof port === 'number' ? `:${port}` : ''}`,
    `  Security  ${protection}${decided === '' ? '' : `, by ${decided}`}`,
  ]
}

function tlsText({ protocol, cipher, fingerprint, verified }: ReceiptTls): string {
  const proven = verified === true ? ' verified' : verified === false ? ' not verified' : ''
  const certificate = typeof fingerprint === 'string' ? `, certificate ${fingerprint}${proven}` : proven
  return `${protocol}${typeof cipher === 'string' ? ` ${cipher}` : ''}${certificate}`
}

const MOST_PLACES = 8

function places(entries: readonly number[]): string {
  const more = entries.length - MOST_PLACES
  return `entries ${entries.slice(0, MOST_PLACES).join(', ')}${more > 0 ? ` and ${more} more` : ''}`
}
