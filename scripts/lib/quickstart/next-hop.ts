import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server'

/**
 * A small receiving server for trying Postern out: takes everything that comes to 127.0.0.1 and
 * writes each message to a file, `1.eml` and so on. Stops on SIGTERM.
 */

const { values } = parseArgs({ options: { port: { type: 'string' }, folder: { type: 'string' } } })
const { port = '2526', folder = 'received' } = values
mkdirSync(folder, { recursive: true })

let taken = 0

const server = new SMTPServer({
  name: 'next-hop.localhost',
  hideSTARTTLS: true,
  authOptional: true,
  disabledCommands: ['AUTH'],
  onData: (stream, session, callback) => {
    store(stream, session).then(
      (name) => callback(null, `taken as ${name}`),
      (error: Error) => callback(error),
    )
  },
})

server.on('error', (error) => print(`error: ${error.message}`))
server.listen(Number(port), '127.0.0.1', () => print(`listens on 127.0.0.1:${port}, writes to ${folder}`))
process.on('SIGTERM', () => server.close(() => process.exit(0)))

async function store(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  const name = `${++taken}.eml`
  const partial = join(folder, `.${name}`)
  writeFileSync(partial, Buffer.concat(chunks))
  renameSync(partial, join(folder, name))
  const { mailFrom, rcptTo } = session.envelope
  print(
    `${name}: from <${mailFrom ? mailFrom.address : ''}> to ${rcptTo.map(({ address }) => `<${address}>`).join(', ')}`,
  )
  return name
}

function print(text: string): void {
  process.stdout.write(`${new Date().toISOString()} ${text}\n`)
}
