import { isFree, isOpen } from '../../scripts/lib/quickstart/ports.ts'

// Below Linux's ephemeral range, so that no outgoing connection takes a port between the choice and its use.
const LOWEST = 10_000
const HIGHEST = 32_000
const PER_PROCESS = 40

// Test files run as processes side by side: each starts looking at a place of its own.
let next = LOWEST + ((process.pid * PER_PROCESS) % (HIGHEST - LOWEST))

/** A TCP port of 127.0.0.1 on which nothing listens now, never the same twice in one process. */
export async function freePort(): Promise<number> {
  for (;;) {
    next = next >= HIGHEST ? LOWEST : next + 1
    const port = next
    if (await isFree(port)) return port
  }
}

/** `count` free ports. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}

/** Whether something on 127.0.0.1 takes connections at `port`. */
export const answers = isOpen
