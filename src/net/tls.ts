import { constants } from 'node:crypto'
import { type FSWatcher, watch } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { createSecureContext, type SecureContext, type SecureContextOptions, type SecureVersion } from 'node:tls'
import type { Clock } from '../clock.ts'
import { type CertificateFacts, certificateFacts, keyMatches } from '../config/certificate.ts'
import { GOOD_CIPHERS } from '../config/ciphers.ts'
import type { Log } from '../log.ts'

export interface TlsOptions {
  /** PEM files: the certificate with its intermediates, its key, and authorities of client certificates or null. */
  readonly certificate: string
  readonly key: string
  readonly clientCa: string | null
  readonly minVersion: SecureVersion
  /** OpenSSL's notation, best first; null for `GOOD_CIPHERS`. */
  readonly ciphers: string | null
  /** How often files are looked at, milliseconds, beside watching their folders. Default 30 s; folders on network disks tell nothing. */
  readonly pollMs?: number
  /** How long files must be left alone before they are read: a key and its certificate are written one after the other. Default 500 ms. */
  readonly settleMs?: number
}

/** The certificate that is in use, kept up to date with its files. */
export interface TlsContexts {
  /** For the next handshake. */
  current(): SecureContext
  /** What the certificate in use says of itself. */
  facts(): CertificateFacts
  /** Reads the files now. Rejects, and keeps what was in use, if they do not hold a certificate and its key. True if anything changed. */
  reload(): Promise<boolean>
  /** Called after each change. The returned function takes the listener away again. */
  onChange(listener: (facts: CertificateFacts) => void): () => void
  /** Stops watching. `current()` goes on to answer. */
  close(): void
}

export { GOOD_CIPHERS }

const POLL_MS = 30_000
const SETTLE_MS = 500
// Tickets of TLS 1.2 are only as secret as the context's key for them: it gets a new one each day
const LONGEST_CONTEXT_MS = 86_400_000
const EXPIRES_SOON_MS = 30 * 86_400_000

/**
 * Reads the certificate and follows its files: a new certificate counts from the next handshake, and
 * one that is wrong is reported once and leaves the old one in use. Rejects with Error, in words for
 * an operator, if there is nothing right to start with.
 */
export async function createTlsContexts(options: TlsOptions, deps: { log: Log; clock: Clock }): Promise<TlsContexts> {
  const contexts = new FollowedContexts(options, deps.log, deps.clock, await readLoaded(options, deps.clock.now()))
  contexts.follow()
  return contexts
}

interface Loaded {
  readonly context: SecureContext
  readonly facts: CertificateFacts
  /** Of the files when they were read. */
  readonly signature: string
  readonly at: number
}

class FollowedContexts implements TlsContexts {
  readonly #options: TlsOptions
  readonly #log: Log
  readonly #clock: Clock
  readonly #listeners = new Set<(facts: CertificateFacts) => void>()
  readonly #watchers: FSWatcher[] = []
  #loaded: Loaded
  /** Signature of files that were found wrong, so that they are reported once. */
  #wrong: string | null = null
  /** Signature at the last look: files are read once two looks in a row saw the same. */
  #seen: string
  #looking = false
  #reading: Promise<unknown> = Promise.resolve()
  #cancelPoll = () => {}
  #cancelSettle = () => {}
  #closed = false

  constructor(options: TlsOptions, log: Log, clock: Clock, loaded: Loaded) {
    this.#options = options
    this.#log = log
    this.#clock = clock
    this.#loaded = loaded
    this.#seen = loaded.signature
    this.#tell('certificate loaded')
  }

  current(): SecureContext {
    return this.#loaded.context
  }

  facts(): CertificateFacts {
    return this.#loaded.facts
  }

  onChange(listener: (facts: CertificateFacts) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  reload(): Promise<boolean> {
    const reading = this.#reading.then(() => this.#read())
    this.#reading = reading.catch(() => {})
    return reading
  }

  /** Watches the folders, not the files: certificates are renewed by moving new files into place. */
  follow(): void {
    for (const folder of new Set(filesOf(this.#options).map(dirname))) this.#watch(folder)
    this.#pollLater()
  }

  close(): void {
    this.#closed = true
    this.#cancelPoll()
    this.#cancelSettle()
    for (const watcher of this.#watchers) watcher.close()
  }

  #watch(folder: string): void {
    try {
      const names = filesOf(this.#options).map((file) => basename(file))
      const watcher = watch(folder, { persistent: false }, (_, name) => {
        if (name === null || names.includes(name)) this.#lookSoon()
      })
      // a folder that is taken away: polling goes on
      watcher.on('error', () => watcher.close())
      this.#watchers.push(watcher)
    } catch (err) {
      this.#log.debug({ err, folder }, 'a folder cannot be watched: certificates are polled')
    }
  }

  #pollLater(): void {
    this.#cancelPoll = this.#clock.after(this.#options.pollMs ?? POLL_MS, () => {
      this.#lookSoon()
      if (!this.#closed) this.#pollLater()
    })
  }

  #lookSoon(): void {
    if (this.#closed || this.#looking) return
    this.#looking = true
    this.#cancelSettle = this.#clock.after(this.#options.settleMs ?? SETTLE_MS, async () => {
      const settled = await this.#look()
      this.#looking = false
      if (!settled) this.#lookSoon()
    })
  }

  /** False while the files are still being written. */
  async #look(): Promise<boolean> {
    const signature = await signatureOf(this.#options)
    const old = this.#clock.now() - this.#loaded.at > LONGEST_CONTEXT_MS
    if (this.#closed || signature === this.#wrong || (signature === this.#loaded.signature && !old)) return true
    const settled = signature === this.#seen
    this.#seen = signature
    if (settled) await this.reload().catch((err: unknown) => this.#refuse(err, signature))
    return settled
  }

  #refuse(err: unknown, signature: string): void {
    this.#wrong = signature
    this.#log.error(
      { err, certificate: this.#options.certificate },
      'new certificate is wrong: the old one stays in use',
    )
  }

  async #read(): Promise<boolean> {
    const before = this.#loaded
    this.#loaded = await readLoaded(this.#options, this.#clock.now())
    this.#wrong = null
    if (this.#loaded.signature === before.signature) return false
    this.#tell('certificate changed')
    for (const listener of this.#listeners) listener(this.#loaded.facts)
    return true
  }

  #tell(message: string): void {
    const { subject, fingerprint, notAfter } = this.#loaded.facts
    const fields = { certificate: this.#options.certificate, subject, fingerprint, notAfter: new Date(notAfter) }
    this.#log.info(fields, message)
    if (notAfter - this.#clock.now() < EXPIRES_SOON_MS)
      this.#log.warn(fields, 'certificate expires soon, or has expired')
  }
}

const filesOf = ({ certificate, key, clientCa }: TlsOptions): string[] =>
  [certificate, key, clientCa].filter((file) => file !== null)

/** What changes when a file is written or another moved into its place. */
async function signatureOf(options: TlsOptions): Promise<string> {
  const parts = filesOf(options).map(async (file) => {
    const found = await stat(file, { bigint: true }).catch(() => null)
    return found === null ? 'none' : `${found.ino} ${found.mtimeNs} ${found.size}`
  })
  return (await Promise.all(parts)).join('; ')
}

async function readLoaded(options: TlsOptions, at: number): Promise<Loaded> {
  // before the content: a change in between is then seen as a change afterwards
  const signature = await signatureOf(options)
  const cert = await readPem(options.certificate)
  const key = await readPem(options.key)
  const ca = options.clientCa === null ? null : await readPem(options.clientCa)
  const facts = inFile(options.certificate, () => certificateFacts(cert))
  if (!inFile(options.key, () => keyMatches(cert, key))) {
    throw new Error(`${options.key} is not the key of the certificate in ${options.certificate}`)
  }
  return { context: createSecureContext(serverContextOptions(options, { cert, key, ca })), facts, signature, at }
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new Error(`${file} cannot be read: ${(error as Error).message}`, { cause: error })
  }
}

function inFile<T>(file: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error })
  }
}

/** The options of a server's context. Text in PEM. */
export function serverContextOptions(
  { minVersion, ciphers }: Pick<TlsOptions, 'minVersion' | 'ciphers'>,
  { cert, key, ca }: { cert: string; key: string; ca: string | null },
): SecureContextOptions {
  return {
    cert,
    key,
    ...(ca === null ? {} : { ca }),
    minVersion,
    // the suites of TLS 1.3 have names of their own in the same list
    ciphers: `TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:${ciphers ?? GOOD_CIPHERS}`,
    // clients without AES in hardware say so by asking for ChaCha20 first
    honorCipherOrder: true,
    secureOptions:
      constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_COMPRESSION | constants.SSL_OP_PRIORITIZE_CHACHA,
    // without it a client that showed a certificate cannot resume its session
    sessionIdContext: 'postern',
  }
}
