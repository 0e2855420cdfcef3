import { type Context, path } from '../context.ts'
import type { HostPort, NextHop } from '../endpoint.ts'
import { parseHostPort } from '../endpoint.ts'
import {
  type Field,
  forms,
  key,
  list,
  mapOf,
  optional,
  type Refuse,
  refined,
  required,
  section,
  shorthand,
  value,
} from '../fields.ts'
import { choice, domainOrBelow, flag, integer, text } from '../kinds.ts'
import { Secret } from '../secret.ts'

/** How to reach a next hop, and what its path must guarantee. */
export interface Route {
  readonly protocol: 'smtp' | 'lmtp'
  /** Tried in order; null: the recipient domain's mail exchangers (MX). */
  readonly hops: readonly NextHop[] | null
  /** `listed`: each connection tries them in order. `rotated`: each begins with another one. */
  readonly order: 'listed' | 'rotated'
  /** Where `hops` is null or a host has none of its own. */
  readonly port: number
  readonly tls: RouteTls
  readonly login: Login | null
}

export interface Login {
  readonly user: string
  readonly password: Secret
  /** Where it was read from; null: the environment. */
  readonly passwordFile: string | null
}

export interface RouteTls {
  /** `opportunistic`: where offered, unverified. `required`: no mail without. `implicit`: from the first byte. */
  readonly mode: 'none' | 'opportunistic' | 'required' | 'implicit'
  /** Whether the certificate must be valid for the host's name. Only with `required` and `implicit`. */
  readonly verify: boolean
  /** PEM file of authorities in place of the system's, or null. */
  readonly authorities: string | null
}

/** Mail exchangers, TLS where offered: what mail on the internet does. */
export const MX_ROUTE: Route = {
  protocol: 'smtp',
  hops: null,
  order: 'listed',
  port: 25,
  tls: { mode: 'opportunistic', verify: false, authorities: null },
  login: null,
}

const SECRET_LIMIT = 4096

/** How several hosts are used, the same wherever they are named. */
export const hostOrder = () =>
  key(
    choice('listed', 'rotated'),
    'listed',
    'listed: the first host that answers. rotated: each connection begins with another one, so that they share the work.',
  )

/** The keys that say what TLS must prove, the same wherever mail goes out. */
export const tlsKeys = (context: Context) => ({
  tls: key(
    choice('none', 'opportunistic', 'required', 'implicit'),
    'opportunistic',
    'opportunistic: encrypt where the host offers it. required: no mail without TLS. implicit: TLS from the first byte (port 465). none: never.',
  ),
  verify: key(
    flag(),
    true,
    "With tls required or implicit: the host's certificate must be valid and in its name. Without this anybody in between can read the mail.",
  ),
  authorities: optional(
    path(context),
    'tls/authorities.pem',
    "the system's authorities",
    'Authorities (PEM) that the certificate is verified against.',
  ),
})

export function routeTls(found: { tls: RouteTls['mode']; verify: boolean; authorities: string | null }): RouteTls {
  const proves = found.tls === 'required' || found.tls === 'implicit'
  return { mode: found.tls, verify: proves && found.verify, authorities: found.authorities }
}

const login = (context: Context) =>
  refined(
    section({
      user: required(text(255), 'postern', 'The name to sign in with.'),
      passwordFile: optional(
        secretFile(context),
        'secrets/smarthost',
        'passwordEnv',
        'The file that holds the password: its first line.',
      ),
      passwordEnv: optional(
        secretVariable(context),
        'POSTERN_SMARTHOST_PASSWORD',
        'passwordFile',
        'The environment variable that holds the password.',
      ),
    }),
    ({ user, passwordFile, passwordEnv }, refuse): Login => {
      if (passwordFile !== null && passwordEnv !== null) {
        refuse(['passwordEnv'], 'give passwordFile or passwordEnv, not both')
      }
      const password = passwordFile?.secret ?? passwordEnv
      if (password === null) refuse([], 'a login needs passwordFile or passwordEnv')
      return { user, password: password ?? new Secret(''), passwordFile: passwordFile?.file ?? null }
    },
  )

const secretFile = (context: Context): Field<{ file: string; secret: Secret }> =>
  refined(path(context), (file, refuse) => {
    const secret = firstLine(context, file, refuse)
    if (secret === '') refuse([], `${file} holds no password: its first line is empty`)
    return { file, secret: new Secret(secret ?? '') }
  })

function firstLine(context: Context, file: string, refuse: Refuse): string | undefined {
  try {
    return context.readText(file, SECRET_LIMIT).split(/\r?\n/, 1)[0] ?? ''
  } catch (error) {
    refuse([], `${file} cannot be read: ${(error as Error).message}`)
    return undefined
  }
}

const secretVariable = (context: Context): Field<Secret> =>
  refined(text(255), (name, refuse) => {
    const secret = context.variable(name) ?? ''
    if (secret === '') refuse([], `the environment variable ${name} is not set or is empty`)
    return new Secret(secret)
  })

const hostWithPort = value<{ host: string; port: number | null }>('a host or host:port, IPv6 in brackets', (input) => {
  const found = parseHostPort(input, -1)
  return found === undefined ? undefined : { host: found.host, port: found.port < 0 ? null : found.port }
})

/** One to 64 hosts; a single one need not be a list. */
export const hostList = <T>(host: Field<T>): Field<readonly T[]> =>
  shorthand(list(host, { min: 1, max: 64 }), (input) => (typeof input === 'string' ? [input] : input))

const routeSection = (context: Context): Field<Route> =>
  refined(
    section({
      hosts: optional(
        hostList(hostWithPort),
        ['smarthost.example.test'],
        "each recipient domain's mail exchangers (MX)",
        'Hosts (or host:port) to hand everything to, tried in order. Their addresses are looked up, never their MX.',
      ),
      port: key(integer(1, 65535), 25, 'The port of hosts that name none.'),
      order: hostOrder(),
      ...tlsKeys(context),
      login: optional(login(context), undefined, 'no login', 'Signing in to the hosts. Never done without TLS.'),
    }),
    (found, refuse) => {
      const tls = routeTls(found)
      if (found.login !== null && tls.mode !== 'required' && tls.mode !== 'implicit') {
        refuse(['login'], 'a login needs tls: required or tls: implicit, or the password could be read on the way')
      }
      if (found.login !== null && found.hosts === null) refuse(['login'], 'a login needs hosts to sign in to')
      const hops = found.hosts?.map(({ host, port }): HostPort => ({ host, port: port ?? found.port })) ?? null
      return { protocol: 'smtp' as const, hops, order: found.order, port: found.port, tls, login: found.login }
    },
  )

/** `mx`, or a section that names hosts. */
export const route = (context: Context): Field<Route> => {
  const detailed = routeSection(context)
  const mx = value<Route>('mx', (input) => (input === 'mx' ? MX_ROUTE : undefined))
  return forms('mx, or a map with hosts', detailed, (input) => {
    if (input === 'mx') return mx
    return typeof input === 'object' && input !== null ? detailed : undefined
  })
}

export const routes = (context: Context) =>
  section({
    default: key(
      route(context),
      'mx',
      "The way for every domain that nothing else says anything about. mx: each domain's own mail exchangers. Otherwise a map with hosts, as shown below.",
    ),
    domains: key(
      mapOf('recipient domains', domainOrBelow(), route(context)),
      {},
      'Other ways for some recipient domains. A leading dot means all names below; the longest match counts.',
      { 'partner.example.test': { tls: 'required' }, '.example.org': { hosts: ['gateway.example.org'] } },
    ),
  })
