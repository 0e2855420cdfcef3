import { readFile } from 'node:fs/promises'
import { certificateFacts, certificateNames, keyMatches } from '../certificate.ts'
import type { Config } from '../config.ts'
import { type Finding, inWords } from './finding.ts'

/** Whether the certificate for our MTA-STS policies loads, is in date, and is for each policy host. `now` in milliseconds since 1970. */
export async function checkPublish(config: Config, now: number): Promise<Finding[]> {
  const { mtaSts } = config.publish
  if (mtaSts === null || mtaSts.listen.length === 0) return []
  const own = mtaSts.certificate !== null && mtaSts.key !== null
  const certificate = own ? mtaSts.certificate : config.tls.certificate
  if (certificate === null) return []
  const at = { key: own ? 'publish.mtaSts.certificate' : 'tls.certificate', where: certificate }
  try {
    const pem = await readFile(certificate, 'utf8')
    // that of the service is looked at where it stands
    const itself = own && mtaSts.key !== null ? await checkOwn(pem, mtaSts.key, at, now) : []
    return [...itself, ...checkNames(pem, config, at)]
  } catch (error) {
    if (!own) return []
    const remedy = 'Put it there, or let the user that Postern runs as read it.'
    return [{ level: 'error', ...at, what: `cannot be read: ${inWords(error)}`, remedy }]
  }
}

type At = Pick<Finding, 'key' | 'where'>

async function checkOwn(pem: string, keyFile: string, at: At, now: number): Promise<Finding[]> {
  const { notAfter } = certificateFacts(pem)
  const remedy = 'Renew it: the new file counts at once, without a restart.'
  const day = new Date(notAfter).toISOString().slice(0, 10)
  const expired: Finding[] = notAfter < now ? [{ level: 'error', ...at, what: `expired on ${day}`, remedy }] : []
  return [...expired, ...(await checkKey(pem, keyFile))]
}

async function checkKey(pem: string, where: string): Promise<Finding[]> {
  const finding = { level: 'error', key: 'publish.mtaSts.key', where } as const
  const remedy = 'Give the key that the certificate was made with, in PEM and without a passphrase.'
  try {
    if (keyMatches(pem, await readFile(where, 'utf8'))) return []
    return [{ ...finding, what: 'is not the key of publish.mtaSts.certificate', remedy }]
  } catch (error) {
    return [{ ...finding, what: `cannot be read: ${inWords(error)}`, remedy }]
  }
}

/** RFC 8461 section 3.3: the certificate must be for `mta-sts.DOMAIN`. */
function checkNames(pem: string, { publish, domains }: Config, at: At): Finding[] {
  const listed = publish.mtaSts?.domains ?? []
  const hosts = (listed.length > 0 ? listed : [...domains.keys()]).map((domain) => `mta-sts.${domain}`)
  const without = hosts.filter((host) => !certificateNames(pem, host))
  if (without.length === 0) return []
  const shown = without.slice(0, 3).join(', ') + (without.length > 3 ? ` and ${without.length - 3} more` : '')
  const remedy =
    'Nobody believes the policy there: get a certificate with these names, or name fewer publish.mtaSts.domains.'
  return [{ level: 'warning', ...at, what: `is not for ${shown}`, remedy }]
}
