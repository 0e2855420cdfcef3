import { spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'

/** A second opinion on signatures: Debian's python3-dkim. */
const PYTHON = '/usr/bin/python3'

const SCRIPT = `
import base64, dkim, json, sys
for line in sys.stdin:
    job = json.loads(line)
    message = base64.b64decode(job["message"])
    if job["do"] == "verify":
        names = {name.encode(): text.encode() for name, text in job["records"].items()}
        lookup = lambda name, timeout=5: names.get(name.rstrip(b"."))
        try:
            if job["what"] == "arc":
                cv, results, reason = dkim.arc_verify(message, dnsfunc=lookup)
                print(json.dumps({"result": (cv or b"none").decode(), "reason": str(reason)}))
            else:
                d = dkim.DKIM(message)
                count = len([1 for name, _ in d.headers if name.lower() == b"dkim-signature"])
                print(json.dumps({"result": all(dkim.DKIM(message).verify(i, dnsfunc=lookup) for i in range(count)) and count > 0}))
        except Exception as error:
            print(json.dumps({"result": False, "reason": repr(error)}))
    else:
        signature = dkim.sign(message, job["selector"].encode(), job["domain"].encode(), job["key"].encode(),
            canonicalize=tuple(c.encode() for c in job["canon"]), length=job.get("length", False))
        print(json.dumps({"signature": base64.b64encode(signature).decode()}))
`

/** Whether it is here. If not, the test is skipped, except where CI is set: there that is a failure. */
export function needPythonDkim(test: TestContext, ...more: string[]): boolean {
  const modules = ['dkim', ...more]
  if (spawnSync(PYTHON, ['-c', `import ${modules.join(', ')}`]).status === 0) return true
  const reason = `not installed here: Debian's ${modules.map((name) => `python3-${name}`).join(', ')} (scripts/test installs it)`
  if (process.env.CI) throw new Error(reason)
  test.skip(reason)
  return false
}

type Job = Readonly<Record<string, unknown>> & { readonly message: Buffer }

function run(jobs: readonly Job[]): Record<string, unknown>[] {
  const input = jobs.map((job) => `${JSON.stringify({ ...job, message: job.message.toString('base64') })}\n`).join('')
  const { stdout, stderr, status } = spawnSync(PYTHON, ['-c', SCRIPT], { input, maxBuffer: 100_000_000 })
  if (status !== 0) throw new Error(`python3-dkim: ${stderr}`)
  return String(stdout)
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

/** Whether every signature of each message is right; `records` are TXT records by name. */
export const pythonVerifies = (messages: readonly Buffer[], records: Readonly<Record<string, string>>): boolean[] =>
  run(messages.map((message) => ({ do: 'verify', what: 'dkim', message, records }))).map(
    ({ result }) => result === true,
  )

/** The state of a message's ARC chain, with the reason. */
export function pythonValidates(message: Buffer, records: Readonly<Record<string, string>>): string {
  const [{ result = '', reason = '' } = {}] = run([{ do: 'verify', what: 'arc', message, records }])
  return result === 'pass' ? 'pass' : `${result} ${reason}`
}

export interface PythonKey {
  readonly domain: string
  readonly selector: string
  /** PEM, PKCS#1. */
  readonly key: string
}

/** Signs messages; gives each with its signature on top. `length`: with the tag l=. */
export function pythonSigns(
  messages: readonly Buffer[],
  { domain, selector, key }: PythonKey,
  canon: readonly [header: string, body: string],
  length = false,
): Buffer[] {
  const jobs = messages.map((message) => ({ do: 'sign', message, domain, selector, key, canon, length }))
  return run(jobs).map(({ signature }, i) => {
    return Buffer.concat([Buffer.from(String(signature), 'base64'), messages[i] ?? Buffer.alloc(0)])
  })
}
