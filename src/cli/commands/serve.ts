import { Command } from 'commander'
import { EXIT } from '../exit.ts'
import { configPath } from '../socket.ts'

/** What the composition root offers to this command. */
interface DaemonModule {
  /** Runs until the process is told to stop; resolves with what to exit with. */
  runDaemon(options: { readonly configFile: string; readonly stateDir: string | null }): Promise<number | undefined>
}

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
  const { runDaemon } = await loadDaemon()
  const code = await runDaemon({ configFile: configPath(options), stateDir: options.state ?? null })
  process.exitCode = code ?? EXIT.ok
}

// Loaded only here: no other command pays for the whole relay
const loadDaemon = async (): Promise<DaemonModule> => {
  const file = import.meta.url.endsWith('.ts') ? '../../daemon.ts' : '../../daemon.js'
  return (await import(new URL(file, import.meta.url).href)) as DaemonModule
}
