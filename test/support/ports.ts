import { once } from 'node:events'
import { createServer } from 'node:net'
import { isFree, isOpen } from '../../scripts/lib/quickstart/ports.ts'

// Below Linux's ephemeral range, so that no outgoing connection takes a port between the choice and its use.
const LOWEST = 10_000
const HIGHEST = 32_000
const PER_PROCESS = 40

// Test files run as processes side by side: each starts looking at a place of its own.
let next = LOWEST + ((process.pid * PER_PROCESS) % (HIGHEST - LOWEST))

/** A TCP port of 127.0.0.1 on which nothing listens now, never one that this or another process of tests was given. */
export async function freePort(): Promise<number> {
  for (;;) {
    next = next >= HIGHEST ? LOWEST : next + 1
    const port = next
    if ((await claim(port)) && (await isFree(port))) return port
  }
}

/** A name in Linux's abstract name space belongs to one process at a time, and is free again when that ends. */
async function claim(port: number): Promise<boolean> {
  const name = createServer().unref()
  name.listen(`\0postern-test-port-${port}`)
  return once(name, 'listening').then(
    () => true,
    () => false,
  )
}

/** `count` free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

/** Whether something on 127.0.0.1 takes connections at `port`. */
export const answers = isOpen
