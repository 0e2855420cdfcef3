import { Command } from 'commander'
import { configPath } from '../socket.ts'

interface ServeOptions {
  readonly config?: string
  readonly state?: string
}

export function serveCommand(): Command {
  return new Command('serve')
    .description('run the relay in the foreground until SIGTERM; SIGHUP reloads the configuration')
    .option('-c, --config <file>', 'configuration file')
    .option('--state <dir>', 'where the queue and all other data lie, instead of what the configuration says')
    .addHelpText('after', EXAMPLES)
    .action(serve)
}

const EXAMPLES = `
Examples:
  postern serve --config /etc/postern/postern.yaml
  postern serve --config config/bench.yaml --state /tmp/postern

It exits 0 after SIGTERM or SIGINT, 78 if the configuration is wrong, 1 if it cannot start.`

async function serve(options: ServeOptions): Promise<void> {
  // Loaded only here: no other command pays for the whole relay
  const { runDaemon } = await import('../../daemon.ts')
  const code = await runDaemon({ configFile: configPath(options), stateDir: options.state ?? null })
  // All is closed and written by now; whatever a library left open must not keep a stopped service alive
  process.exit(code)
}
