import { key, section } from '../fields.ts'
import { duration } from '../kinds.ts'

const wait = (most: string, byDefault: string, help: string) => key(duration('1s', most), byDefault, help)

const answer = (byDefault: string) =>
  wait('10m', byDefault, 'The longest that a peer may take nothing of an answer. It is looked at twice in that time.')

/** How long peers of the operators' socket may keep it waiting. */
export const adminTimeouts = section({
  header: wait('10m', '5s', 'Until the header of a request is there. Counts only below request.'),
  request: wait('10m', '10s', 'Until all of a request is there.'),
  answer: answer('30s'),
  idle: wait('10m', '5s', 'How long a connection is kept for another request.'),
})

/** Likewise those of the listener for monitoring. */
export const metricsTimeouts = section({
  request: wait('10m', '10s', 'Until all of a request is there.'),
  answer: answer('10s'),
  idle: wait('10m', '30s', 'How long a connection is kept for another request.'),
})

/** Likewise those who ask for our MTA-STS policy. */
export const policyTimeouts = section({
  handshake: wait('10m', '10s', 'Until TLS is agreed.'),
  request: wait('10m', '10s', 'From then on, until all of a request is there.'),
  answer: answer('10s'),
})
