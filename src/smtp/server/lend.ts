import { Socket } from 'node:net'

/** A socket whose reads go where `onread` of its constructor says. Node keeps that in these places. */
interface Slots {
  readonly buffer: symbol
  readonly taken: symbol
}

interface Handle {
  useUserBuffer?(buffer: Buffer): void
}

/**
 * Has all that `socket` reads from now on put into `buffer`, each time from its beginning, and calls `take`
 * with the length. The bytes are there until `take` returns; false stops the reading until `socket.resume()`.
 * So one buffer serves every connection of a thread, and none is made and thrown away for each read.
 *
 * Node offers this (`onread`) for the sockets that a program makes, and not for those that a server
 * accepts. False where this Node keeps it elsewhere, or bytes have been read already: then
 * nothing has changed, and the socket is to be read as any stream is.
 */
export function readInto(socket: Socket, buffer: Buffer, take: (length: number) => boolean): boolean {
  const handle: Handle | null | undefined = Reflect.get(socket, '_handle')
  if (SLOTS === null || typeof handle?.useUserBuffer !== 'function' || socket.readableLength > 0) return false
  Reflect.set(socket, SLOTS.buffer, buffer)
  Reflect.set(socket, SLOTS.taken, take)
  handle.useUserBuffer(buffer)
  return true
}

const SLOTS = findSlots()

function findSlots(): Slots | null {
  const known = Buffer.alloc(1)
  const take = () => true
  const socket = new Socket({ onread: { buffer: known, callback: take } })
  const at = (value: unknown) => Object.getOwnPropertySymbols(socket).find((key) => Reflect.get(socket, key) === value)
  const buffer = at(known)
  const taken = at(take)
  return buffer === undefined || taken === undefined ? null : { buffer, taken }
}
