import { spendBytes, spendItem, spendWork } from '../budget.ts'
import type { Format, Visit } from '../reader.ts'
import { decodeUu } from './mime-body.ts'
import { readArmour } from './pgp.ts'

const PEM = /-----BEGIN (?:PKCS7|PKCS #7 SIGNED DATA|CMS|(?:[A-Z]+ )?PRIVATE KEY)-----/u
const MOST_BLOCKS = 64

/** CMS and keys in PEM (RFC 7468). */
export const pem: Format = {
  name: 'PEM file',
  matches: (bytes) => PEM.test(bytes.toString('latin1', 0, 1024)),
  read: readPem,
}

function readPem(visit: Visit): void {
  const { bytes, budget } = visit
  spendWork(budget, bytes.length * 10)
  const text = bytes.toString('latin1')
  let left = MOST_BLOCKS
  for (const found of text.matchAll(/-----BEGIN ([A-Z0-9 #]{1,40})-----((?:(?!-----)[\s\S])*)(-----END )?/gu)) {
    if (left-- === 0) {
      visit.note('suspicious', 'has more blocks than are looked at')
      return
    }
    const [, label = '', body = '', end] = found
    if (label === 'ENCRYPTED PRIVATE KEY' || body.includes('Proc-Type: 4,ENCRYPTED')) {
      visit.note('encrypted', 'password of a private key')
    }
    if (end === undefined) visit.note('suspicious', 'ends too early')
    if (label === 'PKCS7' || label === 'CMS' || label === 'PKCS #7 SIGNED DATA')
      visit.child(`${label}.p7m`, Buffer.from(body, 'base64'))
  }
}

/** What text of any kind may carry: armoured PGP messages, and files in uuencode. */
export function readText(visit: Visit): void {
  readArmour(visit)
  readUuencoded(visit)
}

/** POSIX uuencode, `begin 644 name`, as mail carried files before MIME. */
function readUuencoded(visit: Visit): void {
  const { bytes, budget } = visit
  spendWork(budget, bytes.length)
  let left = MOST_BLOCKS
  for (let at = bytes.indexOf('begin '); at >= 0 && left > 0; at = bytes.indexOf('begin ', at + 6)) {
    if (at > 0 && bytes[at - 1] !== 0x0a) continue
    spendWork(budget, 500)
    const line = /^begin [0-7]{3,4} ([^\r\n]{1,255})\r?\n(?=[!-`]{5})/u.exec(bytes.toString('latin1', at, at + 300))
    if (line === null) continue
    left -= 1
    const end = bytes.indexOf('\nend', at)
    const body = bytes.toString('latin1', at + line[0].length, end < 0 ? bytes.length : end)
    spendItem(budget)
    spendBytes(budget, body.length)
    spendWork(budget, body.length * 20)
    visit.child(line[1] ?? 'file', decodeUu(body.split(/\r\n|[\r\n]/u)))
  }
}
