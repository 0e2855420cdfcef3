import { type Context, path } from '../context.ts'
import { key, refined, section } from '../fields.ts'
import { choice, duration, ipPort, orOff } from '../kinds.ts'
import { adminTimeouts, metricsTimeouts } from './waits.ts'

export const log = section({
  level: key(choice('debug', 'info', 'warn', 'error'), 'info', 'The least important events that are logged.'),
  addresses: key(
    choice('full', 'hashed'),
    'full',
    'How addresses of senders and recipients stand in the log. hashed: the same address gives the same token, but the token does not give the address.',
  ),
})

/** The bits of the socket's file mode for each choice. */
const MODES = { owner: 0o600, group: 0o660 } as const

export const admin = (context: Context) =>
  section({
    socket: key(
      path(context),
      '$STATE/admin.sock',
      'The Unix socket that the postern command talks to. Whoever may open it may do everything.',
    ),
    access: key(
      refined(choice('owner', 'group'), (who): number => MODES[who]),
      'owner',
      "Who may open it: the daemon's user, or also its group.",
    ),
    timeouts: key(adminTimeouts, {}, 'How long a peer that says or reads nothing is waited for.'),
  })

export const metrics = section({
  listen: key(
    orOff(ipPort(9825)),
    '127.0.0.1:9825',
    'Where /metrics (Prometheus), /healthz and /readyz are served, in clear and to anyone who can connect: keep it on a private address. off: nowhere.',
  ),
  timeouts: key(metricsTimeouts, {}, 'How long a peer that says or reads nothing is waited for.'),
})

export const shutdown = section({
  grace: key(duration('0', '1h'), '30s', 'How long a stopping daemon lets transactions and deliveries finish.'),
})
