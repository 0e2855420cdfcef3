import { mkdirSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Random } from '../random.ts'
import { DiskFile, type Luck } from './file.ts'
import type { Traced } from './trace.ts'

type Node = DiskFile | DiskFolder

/** A name that was given or taken away, and not synced since. A move within a folder happens or does not, as one. */
interface NameChange {
  readonly at: number
  readonly remove: string | null
  readonly add: { readonly name: string; readonly node: Node } | null
}

/** Which of the names that were not synced are on the disk: none, all, those up to a moment, or any of them. */
export type NameLuck = 'none' | 'all' | 'first' | 'some'

const NAME_LUCKS: readonly NameLuck[] = ['none', 'all', 'first', 'some']
const LUCKS: readonly Luck[] = ['none', 'all', 'some', 'torn']

class DiskFolder {
  /** As the running system sees it. */
  readonly names = new Map<string, Node>()
  readonly #synced = new Map<string, Node>()
  #pending: NameChange[] = []

  change(change: NameChange): void {
    applyTo(this.names, change)
    this.#pending.push(change)
  }

  /** Was there before the trace began. */
  had(name: string, node: Node): void {
    this.names.set(name, node)
    this.#synced.set(name, node)
  }

  sync(began: number): void {
    for (const change of this.#pending) if (change.at < began) applyTo(this.#synced, change)
    this.#pending = this.#pending.filter(({ at }) => at >= began)
  }

  afterPowerLoss(luck: NameLuck, random: Random): ReadonlyMap<string, Node> {
    const names = new Map(this.#synced)
    const first = random.below(this.#pending.length + 1)
    for (const [n, change] of this.#pending.entries()) {
      const kept = luck === 'all' || (luck === 'first' && n < first) || (luck === 'some' && random.chance(0.5))
      if (kept) applyTo(names, change)
    }
    return names
  }
}

function applyTo(names: Map<string, Node>, { remove, add }: NameChange): void {
  if (remove !== null) names.delete(remove)
  if (add !== null) names.set(add.name, add.node)
}

/** A folder tree on a disk with a cache, as a trace made it: fed event by event, asked at any moment what a power loss would leave. */
export class Disk {
  readonly #root = new DiskFolder()
  readonly #handles = new Map<number, Node>()

  apply(event: Traced): void {
    const { at } = event
    if (event.kind === 'open') this.#open(event)
    else if (event.kind === 'write') this.#file(event.handle).write(at, event.offset, event.data)
    else if (event.kind === 'cut') this.#file(event.handle).cut(at, event.length)
    else if (event.kind === 'sync') this.#node(event.handle).sync(event.began)
    else if (event.kind === 'folder') this.#add(at, event.name, new DiskFolder())
    else if (event.kind === 'unlink' || event.kind === 'rmdir') this.#remove(at, event.name)
    else if (event.kind === 'rename') this.#rename(at, event.from, event.to)
    else if (event.kind === 'link') this.#add(at, event.to, this.#find(event.from))
  }

  /** Writes what may be left into a folder, and says how it was chosen. */
  writeAfterPowerLoss(target: string, random: Random): string {
    const names = random.pick<NameLuck | 'each'>([...NAME_LUCKS, 'each', 'each'])
    const bytes = random.pick<Luck | 'each'>([...LUCKS, 'torn', 'each', 'each', 'each'])
    this.writeWith(target, names, bytes, random)
    return `names: ${names}, bytes: ${bytes}`
  }

  /** `each`: every folder, or every file, has a luck of its own, as where spool and ledger lie on two disks. */
  writeWith(target: string, names: NameLuck | 'each', bytes: Luck | 'each', random: Random): void {
    const nameLuck = () => (names === 'each' ? random.pick(NAME_LUCKS) : names)
    const luck = () => (bytes === 'each' ? random.pick(LUCKS) : bytes)
    const write = (folder: DiskFolder, path: string) => {
      mkdirSync(path, { recursive: true, mode: 0o700 })
      for (const [name, node] of folder.afterPowerLoss(nameLuck(), random)) {
        if (node instanceof DiskFolder) write(node, join(path, name))
        else writeFileSync(join(path, name), node.afterPowerLoss(luck(), random), { mode: 0o600 })
      }
    }
    write(this.#root, target)
  }

  /** Every file as the running system sees it. */
  *files(folder: DiskFolder = this.#root, path = ''): Generator<{ readonly path: string; readonly bytes: Buffer }> {
    for (const [name, node] of folder.names) {
      if (node instanceof DiskFolder) yield* this.files(node, join(path, name))
      else yield { path: join(path, name), bytes: node.now }
    }
  }

  #open({ at, name, created, emptied, folder, handle }: Traced & { readonly kind: 'open' }): void {
    const known = this.#lookUp(name)
    const node = known ?? (folder ? new DiskFolder() : new DiskFile())
    if (known === null && created) this.#add(at, name, node)
    else if (known === null) this.#folderOf(name).had(basename(name), node)
    if (emptied && node instanceof DiskFile) node.cut(at, 0)
    this.#handles.set(handle, node)
  }

  #add(at: number, name: string, node: Node): void {
    this.#folderOf(name).change({ at, remove: null, add: { name: basename(name), node } })
  }

  #remove(at: number, name: string): void {
    this.#folderOf(name).change({ at, remove: basename(name), add: null })
  }

  #rename(at: number, from: string, to: string): void {
    const node = this.#find(from)
    const [source, target] = [this.#folderOf(from), this.#folderOf(to)]
    const add = { name: basename(to), node }
    if (source === target) source.change({ at, remove: basename(from), add })
    else {
      target.change({ at, remove: null, add })
      source.change({ at, remove: basename(from), add: null })
    }
  }

  #folderOf(name: string): DiskFolder {
    const folder = this.#lookUp(dirname(name))
    if (folder instanceof DiskFolder) return folder
    throw new Error(`the trace has no folder for ${name}`)
  }

  #find(name: string): Node {
    const node = this.#lookUp(name)
    if (node === null) throw new Error(`the trace has no ${name}`)
    return node
  }

  #lookUp(name: string): Node | null {
    let node: Node = this.#root
    for (const part of name.split('/')) {
      if (part === '' || part === '.') continue
      const next: Node | undefined = node instanceof DiskFolder ? node.names.get(part) : undefined
      if (next === undefined) return null
      node = next
    }
    return node
  }

  #node(handle: number): Node {
    const node = this.#handles.get(handle)
    if (node === undefined) throw new Error(`the trace has no handle ${handle}`)
    return node
  }

  #file(handle: number): DiskFile {
    const node = this.#node(handle)
    if (node instanceof DiskFile) return node
    throw new Error('a folder was written to')
  }
}
