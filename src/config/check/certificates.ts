import { readFile, stat } from 'node:fs/promises'
import {
  type CertificateFacts,
  certificateFacts,
  certificateNames,
  keyMatches,
  readCertificates,
} from '../certificate.ts'
import type { Config } from '../config.ts'
import type { Route } from '../schema/route.ts'
import { type Finding, inWords } from './finding.ts'

const DAY_MS = 86_400_000
const SOON_MS = 30 * DAY_MS

/** Whether the certificates that the configuration names load, match, are in date and are kept well. `now` in milliseconds since 1970. */
export async function checkCertificates(config: Config, now: number): Promise<Finding[]> {
  const { certificate, key, clientCa } = config.tls
  const findings = [...(await checkAuthorities('tls.clientCa', clientCa)), ...(await checkRoutes(config))]
  if (certificate === null || key === null) return findings
  const cert = await read('tls.certificate', certificate)
  const secret = await read('tls.key', key)
  findings.push(...cert.findings, ...secret.findings)
  if (cert.text !== null) findings.push(...checkOwn(certificate, cert.text, config.hostname, now))
  if (secret.text !== null) findings.push(...(await checkPrivate('tls.key', key)))
  if (cert.text !== null && secret.text !== null) findings.push(...checkPair(certificate, key, cert.text, secret.text))
  return findings
}

async function read(key: string, where: string): Promise<{ text: string | null; findings: Finding[] }> {
  try {
    return { text: await readFile(where, 'utf8'), findings: [] }
  } catch (error) {
    const remedy = 'Put it there, or let the user that Postern runs as read it.'
    return { text: null, findings: [{ level: 'error', key, where, what: `cannot be read: ${inWords(error)}`, remedy }] }
  }
}

function checkOwn(where: string, pem: string, hostname: string, now: number): Finding[] {
  const at = { key: 'tls.certificate', where }
  let facts: CertificateFacts
  try {
    facts = certificateFacts(pem)
  } catch (error) {
    const remedy = 'Give a PEM file with the certificate first, then its intermediates.'
    return [{ level: 'error', ...at, what: (error as Error).message, remedy }]
  }
  const findings = checkDates(facts, now).map((found): Finding => ({ ...found, ...at }))
  if (!certificateNames(pem, hostname)) {
    const what = `is for ${facts.names.join(', ') || facts.subject}, not for ${hostname}`
    findings.push({
      level: 'warning',
      ...at,
      what,
      remedy: 'Servers that verify it refuse to send: get one for hostname.',
    })
  }
  return findings
}

function checkDates(
  { notBefore, notAfter }: CertificateFacts,
  now: number,
): Pick<Finding, 'level' | 'what' | 'remedy'>[] {
  const remedy = 'Renew it: the new file counts at once, without a restart.'
  if (now < notBefore) {
    return [
      { level: 'error', what: `is valid only from ${day(notBefore)}`, remedy: "Check this machine's clock, or wait." },
    ]
  }
  if (now > notAfter) return [{ level: 'error', what: `expired on ${day(notAfter)}`, remedy }]
  const left = Math.floor((notAfter - now) / DAY_MS)
  if (notAfter - now > SOON_MS) return []
  return [{ level: 'warning', what: `expires on ${day(notAfter)}, in ${left} days`, remedy }]
}

const day = (time: number): string => new Date(time).toISOString().slice(0, 10)

function checkPair(certificate: string, key: string, cert: string, secret: string): Finding[] {
  const remedy = 'Give the key that the certificate was made with, in PEM and without a passphrase.'
  const finding = { level: 'error', key: 'tls.key', where: key, remedy } as const
  try {
    if (keyMatches(cert, secret)) return []
    return [{ ...finding, what: `is not the key of the certificate in ${certificate}` }]
  } catch {
    // the certificate's own faults are reported where it is read
    return isCertificate(cert) ? [{ ...finding, what: 'holds no private key that can be read' }] : []
  }
}

function isCertificate(pem: string): boolean {
  try {
    return readCertificates(pem).length > 0
  } catch {
    return false
  }
}

/** A file that nobody but its owner and group should read. */
async function checkPrivate(key: string, where: string): Promise<Finding[]> {
  const { mode } = await stat(where)
  if ((mode & 0o007) === 0) return []
  return [
    { level: 'warning', key, where, what: 'can be opened by every user of this machine', remedy: `chmod o= ${where}` },
  ]
}

async function checkAuthorities(key: string, where: string | null): Promise<Finding[]> {
  if (where === null) return []
  const { text, findings } = await read(key, where)
  if (text === null || isCertificate(text)) return findings
  return [
    { level: 'error', key, where, what: 'holds no certificate in PEM', remedy: 'Give a PEM file of authorities.' },
  ]
}

/** The authorities and password files of each way out, each once. */
async function checkRoutes({ routes, domains }: Config): Promise<Finding[]> {
  const all: [string, Route][] = [['routes.default', routes.default]]
  for (const [name, route] of routes.domains) all.push([`routes.domains.${name}`, route])
  for (const [name, { route }] of domains) all.push([`domains.${name}`, route])
  const found = await Promise.all(all.map(([key, route]) => checkRoute(key, route)))
  return found.flat()
}

async function checkRoute(key: string, { tls, login }: Route): Promise<Finding[]> {
  const authorities = await checkAuthorities(`${key}.authorities`, tls.authorities)
  const file = login?.passwordFile ?? null
  return file === null ? authorities : [...authorities, ...(await checkPrivate(`${key}.login.passwordFile`, file))]
}
