import { key, list, optional, section } from '../fields.ts'
import { duration, integer, mailbox } from '../kinds.ts'

const surge = section({
  atLeast: key(integer(2, 1_000_000, 'messages'), 50, 'So many messages within the time below, at least.'),
  within: key(duration('1m', '1h'), '10m', 'The time within which they are counted.'),
  factor: key(integer(1, 1000), 5, 'And so many times as often as in the hours before, at least; up to a day back.'),
})

export const alarms = section({
  mailTo: key(
    list(mailbox(), { max: 20 }),
    [],
    'Operators who are told of alarms by mail. Better not in a domain that this server itself delivers to: when that way fails, so does the mail about it.',
    ['mail-operators@ops.example.test'],
  ),
  from: optional(
    mailbox(),
    'postern@royal.example.test',
    'postmaster',
    'The author of these mails. Their reverse-path is null.',
  ),
  gather: key(duration('1s', '1h'), '1m', 'Alarms that come within this time go in one mail.'),
  repeat: key(duration('1h', '30d'), '24h', 'An alarm that still stands is mailed again after this.'),
  mailsPerHour: key(integer(1, 60, 'mails'), 6, 'The most mails in an hour. What is over it goes in one mail later.'),
  look: key(
    duration('1s', '1h'),
    '1m',
    'How often the watchdog looks whether everything has happened that should have.',
  ),
  overdue: key(
    duration('1s', '24h'),
    '1h',
    'How late an attempt, a deadline, a notice, a return or the record of it may be before that is an alarm.',
  ),
  surge: key(surge, {}, 'When it is an alarm that one plugin suddenly holds, or one next hop defers, many messages.'),
})
