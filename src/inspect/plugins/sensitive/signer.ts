import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { OptionsError } from '../../options.ts'
import type { SmimeSigner } from '../../smime/encrypt-job.ts'
import { NAME, type SignerFiles } from './options.ts'

const NOT_THE_OWNER = 0o077
const CERTIFICATES = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g

/** Reads the service's key and certificate. Rejects with OptionsError where they are of no use. */
export async function readSigner(files: SignerFiles | null, now: number): Promise<SmimeSigner | null> {
  if (files === null) return null
  const key = await readKey(files.key)
  const text = await readFile(files.certificate, 'utf8').catch((error: Error) => {
    throw wrong(files.certificate, `cannot be read: ${error.message}`)
  })
  const [certificate, ...chain] = text.match(CERTIFICATES) ?? []
  if (certificate === undefined) throw wrong(files.certificate, 'it holds no certificate in PEM')
  checkCertificate(files, certificate, key, now)
  return { key, certificate, chain }
}

const wrong = (file: string, text: string) => new OptionsError(`${NAME}: ${file}: ${text}`)

async function readKey(file: string): Promise<KeyObject> {
  const { mode } = await stat(file).catch((error: Error) => {
    throw wrong(file, `cannot be read: ${error.message}`)
  })
  if ((mode & NOT_THE_OWNER) !== 0) throw wrong(file, 'others than its owner can read it; chmod go= and make a new key')
  const key = parse(file, await readFile(file))
  if (key.asymmetricKeyType !== 'rsa') throw wrong(file, 'the key is not RSA, which is what S/MIME readers all know')
  return key
}

function parse(file: string, pem: Buffer): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    // without the cause, which might show some of the key
    throw wrong(file, 'it holds no private key in PEM, or one with a password')
  }
}

function checkCertificate(files: SignerFiles, pem: string, key: KeyObject, now: number): void {
  const certificate = readCertificate(files.certificate, pem)
  if (!certificate.checkPrivateKey(key)) throw wrong(files.certificate, `it does not belong to ${files.key}`)
  if (certificate.validToDate.getTime() <= now) throw wrong(files.certificate, 'it has expired')
}

function readCertificate(file: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw wrong(file, 'it holds no certificate that can be read')
  }
}
