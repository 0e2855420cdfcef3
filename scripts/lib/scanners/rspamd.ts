import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isRoot, type ScannerSetup } from './setup.ts'

export interface RspamdSettings {
  readonly port: number
  readonly workers?: number
  /** Scan for milters on this port as well. */
  readonly milterPort?: number
}

/** Debian's Rspamd with the rules that look at the message alone: no network, no Redis. Knows GTUBE by itself. */
export function setUpRspamd(folder: string, { port, workers = 1, milterPort }: RspamdSettings): ScannerSetup {
  for (const name of ['state', 'run', 'log', 'local']) mkdirSync(join(folder, name), { recursive: true })
  const file = join(folder, 'rspamd.conf')
  writeFileSync(join(folder, 'points.lua'), POINTS)
  writeFileSync(join(folder, 'suffixes.dat'), SUFFIXES)
  writeFileSync(
    file,
    configuration(folder, port, workers) + (milterPort === undefined ? '' : proxy(milterPort, workers)),
  )
  const variables = { DBDIR: 'state', RUNDIR: 'run', LOGDIR: 'log', LOCAL_CONFDIR: 'local' }
  const set = Object.entries(variables).map(([name, place]) => `--var=${name}=${join(folder, place)}`)
  return {
    name: 'rspamd',
    command: 'rspamd',
    // as root it insists on a user to change to, unless told not to
    args: ['--no-fork', ...(isRoot ? ['--insecure'] : []), '--config', file, ...set],
    address: `http://127.0.0.1:${port}`,
    ready: () => answersPing(port),
  }
}

/** Rules for trying out: a message says with `X-Points` how many points it gets, and with `X-Wish` which action. */
const POINTS = `
rspamd_config.TRIAL_POINTS = {
  callback = function(task)
    local points = tonumber(task:get_header('X-Points') or '')
    if points then return true, points end
    return false
  end,
  score = 1.0, group = 'trial', description = 'As many points as X-Points says',
}
rspamd_config.TRIAL_WISH = {
  callback = function(task)
    local wish = task:get_header('X-Wish')
    if wish then task:set_pre_result(wish, 'as X-Wish says') return true end
    return false
  end,
  score = 0.0, group = 'trial', description = 'The action that X-Wish says',
}
`

/** The whole list of public suffixes takes Rspamd ten seconds of its start. */
const SUFFIXES = ['com', 'net', 'org', 'uk', 'co.uk', 'nhs.uk', 'test', 'example', ''].join('\n')

const configuration = (folder: string, port: number, workers: number): string => `
lua = "$RULESDIR/rspamd.lua";
lua = "${folder}/points.lua";
.include "$CONFDIR/metrics.conf"
.include "$CONFDIR/actions.conf"
.include "$CONFDIR/groups.conf"
.include "$CONFDIR/composites.conf"
modules { path = "\${PLUGINSDIR}"; }
.include "$CONFDIR/modules.d/mime_types.conf"
.include "$CONFDIR/modules.d/forged_recipients.conf"
.include "$CONFDIR/modules.d/chartable.conf"
options {
  filters = "chartable,regexp";
  pidfile = "$RUNDIR/rspamd.pid";
  cache_file = "$DBDIR/symbols.cache";
  hs_cache_dir = "\${DBDIR}/";
  history_file = "$DBDIR/rspamd.history";
  control_socket = "$DBDIR/control.sock mode=0600";
  stats_file = "\${DBDIR}/stats.ucl";
  url_tld = "${folder}/suffixes.dat";
  tempdir = "$DBDIR";
  dns { timeout = 0.1s; retransmits = 1; nameserver = ["127.0.0.1:1"]; }
}
logging { type = "console"; level = "info"; color = false; }
worker "normal" { bind_socket = "127.0.0.1:${port}"; count = ${workers}; }
`

const proxy = (port: number, workers: number): string => `
worker "rspamd_proxy" {
  bind_socket = "127.0.0.1:${port}"; count = ${workers}; milter = yes; timeout = 120s;
  upstream "local" { default = yes; self_scan = yes; }
}
`

async function answersPing(port: number): Promise<boolean> {
  try {
    const answer = await fetch(`http://127.0.0.1:${port}/ping`, { signal: AbortSignal.timeout(1000) })
    return (await answer.text()).trim() === 'pong'
  } catch {
    return false
  }
}
