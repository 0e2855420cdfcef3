import { stat } from 'node:fs/promises'
import { pathToFileURL } from 'node:url'
import { type Chain, createChain } from './chain.ts'
import type { ContentLimits } from './content.ts'
import { isFieldName } from './fields.ts'
import { OptionsError } from './options.ts'
import type { Mode, Plugin, PluginContext, PluginFactory } from './plugin.ts'
import { attachmentsPlugin } from './plugins/attachments/attachments.ts'
import { parseAttachmentsOptions } from './plugins/attachments/options.ts'
import { authenticationPlugin } from './plugins/authentication/authentication.ts'
import { parseAuthenticationOptions } from './plugins/authentication/options.ts'
import { bannerPlugin } from './plugins/banner/banner.ts'
import { parseBannerOptions } from './plugins/banner/options.ts'
import { headersPlugin } from './plugins/headers/headers.ts'
import { parseHeadersOptions } from './plugins/headers/options.ts'
import { impersonationPlugin } from './plugins/impersonation/impersonation.ts'
import { parseImpersonationOptions } from './plugins/impersonation/options.ts'
import { learnCertificatesPlugin } from './plugins/learn-certificates/learn.ts'
import { parseLearnOptions } from './plugins/learn-certificates/options.ts'
import { parseSendersOptions } from './plugins/senders/options.ts'
import { sendersPlugin } from './plugins/senders/senders.ts'
import { parseSensitiveOptions } from './plugins/sensitive/options.ts'
import { ENCRYPTION, sensitivePlugins } from './plugins/sensitive/sensitive.ts'
import { parseSignOptions } from './plugins/sign/options.ts'
import { signPlugin } from './plugins/sign/sign.ts'
import { parseSpamOptions } from './plugins/spam/options.ts'
import { spamPlugins } from './plugins/spam/spam.ts'
import { parseTaglineOptions } from './plugins/tagline/options.ts'
import { taglinePlugin } from './plugins/tagline/tagline.ts'
import { parseVirusOptions } from './plugins/virus/options.ts'
import { virusPlugin } from './plugins/virus/virus.ts'
import type { Link } from './run.ts'
import type { BuiltInContext } from './services.ts'
import { compileWhen, neverAsked, type When } from './when.ts'

/** One entry of the configuration's chain. */
export interface ChainEntry {
  /** A built-in plugin's name; ignored where `module` is given. */
  readonly name: string
  /** The operator's own module, an absolute path; null for a built-in plugin. */
  readonly module: string | null
  readonly mode: Mode
  /** Milliseconds for each call. */
  readonly deadlineMs: number
  /** For which mail; null, or left out, is all. */
  readonly when?: When | null
  readonly options: Readonly<Record<string, unknown>>
}

/** A built-in may be several plugins, such as an inspector and the modifier that does what it found. */
type Made = Plugin | readonly Plugin[]
type BuiltIn = (options: Readonly<Record<string, unknown>>, context: BuiltInContext) => Made | Promise<Made>

/** The plugins that come with Postern. */
const BUILT_IN: Readonly<Record<string, BuiltIn>> = {
  headers: (options) => headersPlugin(parseHeadersOptions(options)),
  senders: (options, context) => sendersPlugin(parseSendersOptions(options), context),
  authentication: (options, context) => authenticationPlugin(parseAuthenticationOptions(options), context),
  impersonation: (options, context) => impersonationPlugin(parseImpersonationOptions(options), context),
  attachments: (options, context) => attachmentsPlugin(parseAttachmentsOptions(options), context),
  banner: (options, context) => bannerPlugin(parseBannerOptions(options), context),
  tagline: (options, context) => taglinePlugin(parseTaglineOptions(options), context),
  sign: (options, context) => signPlugin(parseSignOptions(options, context.services?.hostname ?? ''), context),
  spam: (options, context) => spamPlugins(parseSpamOptions(options), context),
  sensitive: (options, context) => sensitivePlugins(parseSensitiveOptions(options), context),
  'learn-certificates': (options, context) => learnCertificatesPlugin(parseLearnOptions(options), context),
  virus: (options, context) => virusPlugin(parseVirusOptions(options), context),
}

export const builtInNames: readonly string[] = Object.keys(BUILT_IN)

/** Makes all plugins and the chain of them. Rejects with OptionsError, whose text is for the operator, if one cannot be made: mail must not pass without it. */
export async function loadChain(
  entries: readonly ChainEntry[],
  limits: ContentLimits,
  context: BuiltInContext,
): Promise<Chain> {
  const links: Link[] = []
  try {
    for (const entry of entries) links.push(...(await loadLinks(entry, context)))
    const names = links.map(({ plugin }) => plugin.name)
    const twice = names.find((name, i) => names.indexOf(name) !== i)
    if (twice !== undefined) throw new OptionsError(`inspect: the plugin ${twice} stands there twice`)
    if (names.includes('sign') && names.indexOf('sign') < names.indexOf(ENCRYPTION))
      throw new OptionsError('inspect: sensitive encrypts what sign would have signed already: put it before sign')
    if (names.includes('impersonation') && !names.includes('authentication'))
      throw new OptionsError('inspect: impersonation goes by what authentication finds: list that too')
  } catch (error) {
    // what was made already may watch or hold something
    await createChain(links, limits, context).close()
    throw error
  }
  return createChain(links, limits, context)
}

async function loadLinks(entry: ChainEntry, context: BuiltInContext): Promise<Link[]> {
  const made = await make(entry, context)
  const { mode, deadlineMs } = entry
  const when = compileWhen(entry.when)
  return [made].flat().map((plugin) => {
    const never = neverAsked(plugin, entry.when)
    if (never !== null) throw new OptionsError(`inspect: ${plugin.name}: its when never applies: ${never}`)
    return { plugin, mode, deadlineMs, when }
  })
}

async function make({ name, module, options, mode }: ChainEntry, context: BuiltInContext): Promise<Made> {
  const { log, clock } = context
  if (module !== null) return loadPlugin(module, options, { log, clock })
  const builtIn = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined
  if (builtIn === undefined)
    throw new OptionsError(`inspect: there is no plugin ${name}; there are ${builtInNames.join(', ')}`)
  return builtIn(options, { ...context, mode })
}

/** Loads an operator's own plugin: the default export of a module, a plugin or a function that makes one. Rejects with OptionsError. */
export async function loadPlugin(
  path: string,
  options: Readonly<Record<string, unknown>>,
  context: PluginContext,
): Promise<Plugin> {
  const wrong = (text: string) => new OptionsError(`inspect: ${path}: ${text}`)
  const exported = await importDefault(path, wrong)
  if (typeof exported !== 'function') return checkPlugin(exported, wrong)
  const made = await callFactory(exported as PluginFactory, options, context, wrong)
  return checkPlugin(made, wrong)
}

type Wrong = (text: string) => OptionsError

const GROUP_OR_OTHERS_WRITE = 0o022

async function importDefault(path: string, wrong: Wrong): Promise<unknown> {
  const { mode, mtimeMs } = await stat(path).catch((error: Error) => {
    throw wrong(`cannot be read: ${error.message}`)
  })
  // it will see all mail: nobody but its owner may put code there
  if ((mode & GROUP_OR_OTHERS_WRITE) !== 0) throw wrong('others than its owner can write to it; chmod go-w')
  const url = pathToFileURL(path)
  // a module that has changed is loaded anew at a reload
  url.search = `?changed=${mtimeMs}`
  const loaded = (await import(url.href).catch((error: unknown) => {
    throw wrong(`cannot be loaded: ${textOf(error)}`)
  })) as Readonly<Record<string, unknown>>
  if (loaded.default === undefined)
    throw wrong('it has no default export; export a plugin, or a function that makes one')
  return loaded.default
}

async function callFactory(make: PluginFactory, options: ChainEntry['options'], context: PluginContext, wrong: Wrong) {
  try {
    return await make(options, context)
  } catch (error) {
    throw wrong(`its function failed: ${textOf(error)}`)
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const NAME = /^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/
const HOOKS = ['connect', 'mail', 'rcpt', 'data'] as const
const PHASE_NAMES: readonly unknown[] = [undefined, 'authenticate', 'inspect', 'modify', 'sign']

function checkPlugin(found: unknown, wrong: Wrong): Plugin {
  if (typeof found !== 'object' || found === null) throw wrong('it gives no object that could be a plugin')
  const plugin = found as Readonly<Record<string, unknown>>
  const { name, phase, modify } = plugin
  if (typeof name !== 'string' || !NAME.test(name))
    throw wrong('the plugin has no name of letters, digits, dots and hyphens')
  if (builtInNames.includes(name)) throw wrong(`the name ${name} is that of a built-in plugin`)
  if (!PHASE_NAMES.includes(phase)) throw wrong(`there is no phase ${String(phase)}`)
  const hooks = HOOKS.filter((hook) => plugin[hook] !== undefined)
  for (const key of [...hooks, 'modify', 'divide', 'health', 'close']) {
    if (plugin[key] !== undefined && typeof plugin[key] !== 'function')
      throw wrong(`${key} of the plugin ${name} is no function`)
  }
  if (plugin.rescan !== undefined && plugin.rescan !== true) throw wrong(`rescan of the plugin ${name} is not true`)
  if (!ownsValid(plugin.ownFields)) throw wrong(`ownFields of the plugin ${name} is no list of header field names`)
  if (modify === undefined && hooks.length === 0) {
    throw wrong(`the plugin ${name} does nothing: it needs modify, or one of ${HOOKS.join(', ')}`)
  }
  if (modify !== undefined && hooks.length > 0) {
    throw wrong(
      `the plugin ${name} looks and changes; make it two plugins, one with ${hooks.join(', ')}, one with modify`,
    )
  }
  return found as Plugin
}

/** RFC 5321 section 4.4: trace fields are not to be changed. */
const ownsValid = (own: unknown): boolean =>
  own === undefined ||
  (Array.isArray(own) &&
    own.every((name) => typeof name === 'string' && isFieldName(name) && name.toLowerCase() !== 'received'))
