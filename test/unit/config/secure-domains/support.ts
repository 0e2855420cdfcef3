import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { parseRegister, type RegisterFile } from '../../../../src/config/secure-domains/register.ts'
import type { SecureDomain } from '../../../../src/mail/secure-domain.ts'
import { temporaryFolder } from '../../../support/folder.ts'

export const HEADER =
  'domain,subdomains,requirement,fingerprints,min-tls,ciphers,next-hop,owner,reviewed-on,expires-on,approver-1,approver-2,status'

/** A line of the register that is right, but for what is said. */
export function line(fields: Readonly<Record<string, string>> = {}): string {
  const right: Record<string, string> = {
    domain: 'royal.example.test',
    subdomains: 'no',
    requirement: 'verified',
    fingerprints: '',
    'min-tls': 'TLSv1.2',
    ciphers: '',
    'next-hop': '',
    owner: 'Mail team of the Royal Infirmary',
    'reviewed-on': '2026-05-01',
    'expires-on': '2027-05-01',
    'approver-1': 'A. Nightingale',
    'approver-2': 'M. Seacole',
    status: 'active',
    ...fields,
  }
  return HEADER.split(',')
    .map((name) => right[name])
    .join(',')
}

const FILE = '/etc/postern/secure-domains.csv'

/** Reads lines under the header; fails the test if they are not right. */
export function register(...lines: readonly string[]): RegisterFile {
  return registerFrom(`${[HEADER, ...lines].join('\n')}\n`)
}

export function registerFrom(text: string): RegisterFile {
  const read = parseRegister(FILE, text)
  assert.ok(read.ok, JSON.stringify(read))
  return read.register
}

export function entry(fields: Readonly<Record<string, string>> = {}): SecureDomain {
  const found = register(line(fields)).lines[1]?.entry
  assert.ok(found)
  return found
}

/** The problems of a text, as `line:column key: message`. */
export function said(text: string): string[] {
  const read = parseRegister(FILE, text)
  assert.equal(read.ok, false, 'it was read')
  return read.ok ? [] : read.problems.map((p) => `${p.line}:${p.column} ${p.key}: ${p.message}`)
}

/** A folder with a register of these lines, and the YAML key that names it. */
export function registerOnDisk(t: TestContext, ...lines: readonly string[]): { file: string; yaml: string } {
  const file = join(temporaryFolder(t), 'secure-domains.csv')
  writeFileSync(file, `${[HEADER, ...lines].join('\n')}\n`)
  return { file, yaml: `secureDomains: { file: ${file} }\n` }
}
