/** RC4, which OpenSSL 3 no longer offers by default. Only for telling whether a known password opens a file. */
export function rc4(key: Buffer, data: Buffer): Buffer {
  const state = schedule(key)
  const out = Buffer.alloc(data.length)
  let i = 0
  let j = 0
  for (const [at, byte] of data.entries()) {
    i = (i + 1) & 255
    const a = state[i] ?? 0
    j = (j + a) & 255
    const b = state[j] ?? 0
    state[i] = b
    state[j] = a
    out[at] = byte ^ (state[(a + b) & 255] ?? 0)
  }
  return out
}

function schedule(key: Buffer): Uint8Array {
  const state = Uint8Array.from({ length: 256 }, (_, i) => i)
  if (key.length === 0) return state
  for (let i = 0, j = 0; i < 256; i++) {
    const a = state[i] ?? 0
    j = (j + a + (key[i % key.length] ?? 0)) & 255
    state[i] = state[j] ?? 0
    state[j] = a
  }
  return state
}
