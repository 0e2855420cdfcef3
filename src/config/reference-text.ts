import type { Context } from './context.ts'
import { type Samples, writeReference } from './reference.ts'
import { schema } from './schema/schema.ts'

const PREFACE = `Postern's configuration: every key there is, with its default.

Take what you need into a file of your own (/etc/postern/postern.yaml), and leave out the rest: what is left out has its default. Only hostname and listeners must be given. "postern check" says whether a file is right; "systemctl reload postern" (SIGHUP) takes it up without dropping a connection.

What stands here is the default, but for hostname, listeners and the two files of tls, which are examples. A line that begins with # and no space is a key that may be left out, with an example; take the # away to use it. Each key says in brackets what it takes.

Durations: 500ms, 30s, 5m, 4h, 5d. Sizes: 64KiB, 35MiB, 2GiB. Rates: 30/minute (or second, hour, day).
Paths are relative to the folder of this file; $STATE/ at their start is state.dir, \${NAME} a variable of the environment. Passwords never stand in this file, but in a file or in an environment variable of their own.`

const SAMPLES: Samples = {
  listeners: [{ port: 25 }, { port: 465, tls: 'implicit' }],
  'tls.certificate': 'tls/certificate.pem',
  'tls.key': 'tls/key.pem',
  'routes.default.hosts': ['smarthost.example.test'],
  'routes.default.port': 587,
  'routes.default.tls': 'required',
  'routes.default.login': { user: 'postern', passwordFile: 'secrets/smarthost' },
}

// nothing is read: only the shape of the schema is looked at
const NO_CONTEXT: Context = { resolve: (path) => path, variable: () => undefined, readText: () => '' }

/** The text of config/postern.yaml. */
export const reference = (): string => writeReference(schema(NO_CONTEXT), PREFACE, SAMPLES)
