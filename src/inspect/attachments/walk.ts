import { contentFaults } from './blocked/content.ts'
import type { BlockList } from './blocked/list.ts'
import { nameFaults } from './blocked/names.ts'
import { type Budget, spendItem, spendWork } from './budget.ts'
import { Exhausted, failureOf } from './failure.ts'
import { type Block, type BlockRule, type Finding, isWorse, type State } from './finding.ts'
import { readText } from './formats/text.ts'
import { archiveBehindStub, formatOf } from './formats.ts'
import type { Limits } from './limits.ts'
import { brokenPromise } from './promise.ts'
import type { Format, Part, Visit } from './reader.ts'

/** What was found in one attachment and everything inside it. */
export interface Collected {
  /** The worst finding; `clean` with the attachment's own format where there is nothing to say. */
  worst: Finding
  /** All that are not clean, bounded. */
  readonly findings: Finding[]
  readonly blocks: Block[]
  /** Places whose content is not read here, bounded. */
  readonly unread: Finding[]
}

interface Walk {
  readonly limits: Limits
  readonly budget: Budget
  readonly extensions: ReadonlySet<string>
  readonly rules: ReadonlySet<BlockRule>
  readonly collected: Collected
}

export interface WalkOptions {
  readonly limits: Limits
  readonly blocked: BlockList
}

/** Reads one attachment and what is inside it. Never throws for anything that a file may hold. */
export function walkPart(part: Part, budget: Budget, { limits, blocked }: WalkOptions): Collected {
  const collected = { worst: clean([nameOf(part)], 'data'), findings: [], blocks: [], unread: [] }
  const extensions = new Set(blocked.extensions.map((extension) => extension.toLowerCase()))
  const walk: Walk = { limits, budget, extensions, rules: new Set(blocked.rules), collected }
  const node = new Node(walk, part, [], 'data')
  node.guard(() => {
    spendItem(budget)
    node.inspect()
  })
  return collected
}

const nameOf = (part: Part): string => part.filename ?? 'unnamed part'

const clean = (path: readonly string[], format: string): Finding => ({ state: 'clean', format, path, facts: [] })

/** One file on the way through its containers. */
class Node implements Visit {
  readonly part: Part
  readonly bytes: Buffer
  readonly limits: Limits
  readonly budget: Budget
  readonly #walk: Walk
  readonly #path: readonly string[]
  #format: string

  constructor(walk: Walk, part: Part, parents: readonly string[], format: string) {
    this.part = part
    this.bytes = part.bytes
    this.limits = walk.limits
    this.budget = walk.budget
    this.#walk = walk
    this.#path = [...parents, nameOf(part)]
    this.#format = format
  }

  /** Runs `read`; a fault of the file becomes a finding. */
  guard(read: () => void): void {
    try {
      read()
    } catch (error) {
      const failure = failureOf(error)
      if (failure === null) throw error
      this.note('suspicious', failure)
    }
  }

  inspect(): void {
    spendWork(this.budget, 1000)
    if (this.part.filename !== null) this.#judgeName(this.part.filename, this.#path)
    spendWork(this.budget, Math.min(this.bytes.length, 65_536) * 2)
    for (const { rule, what } of contentFaults(this.bytes)) this.block(rule, what)
    const format = formatOf(this.part)
    if (format !== null) this.#read(format)
    else this.#plain()
    this.#behindStub(format)
  }

  #read(format: Format): void {
    this.name(format.name)
    if (this.#path.length > this.limits.maxDepth) {
      throw new Exhausted('lies in more containers than are allowed')
    }
    format.read(this)
  }

  #plain(): void {
    readText(this)
    const promise = brokenPromise(this.part)
    if (promise !== null) this.note('suspicious', `is not the ${promise} that its name or type promises`)
  }

  #behindStub(format: Format | null): void {
    const behind = archiveBehindStub(this.bytes, format, this.limits, this.budget)
    if (behind === null) return
    if (this.#path.length > this.limits.maxDepth) throw new Exhausted('lies in more containers than are allowed')
    spendItem(this.budget)
    const part = { filename: `${behind.format.name} inside`, declaredType: null, bytes: behind.bytes }
    const node = new Node(this.#walk, part, this.#path, behind.format.name)
    node.guard(() => node.#read(behind.format))
  }

  name(format: string): void {
    this.#format = format
    const { collected } = this.#walk
    if (collected.worst.state === 'clean' && this.#path.length === 1) {
      collected.worst = clean(this.#path, format)
    }
  }

  note(state: State, fact: string, member?: string): void {
    const path = member === undefined ? this.#path : [...this.#path, member]
    const { collected, limits } = this.#walk
    const finding = { state, format: this.#format, path, facts: [fact] }
    if (isWorse(state, collected.worst.state)) collected.worst = finding
    if (state === 'clean') return
    const same = collected.findings.find((other) => other.state === state && samePath(other.path, path))
    if (same !== undefined) this.#addFact(same, fact)
    else if (collected.findings.length < limits.maxFindings) collected.findings.push(finding)
  }

  #addFact(finding: Finding, fact: string): void {
    if (finding.facts.includes(fact) || finding.facts.length >= 8) return
    const facts = finding.facts as string[]
    facts.push(fact)
  }

  unread(why: string, member?: string): void {
    const path = member === undefined ? this.#path : [...this.#path, member]
    const { unread } = this.#walk.collected
    if (unread.length < this.limits.maxFindings)
      unread.push({ state: 'clean', format: this.#format, path, facts: [why] })
  }

  block(rule: BlockRule, what: string, member?: string): void {
    this.#block(rule, what, member === undefined ? this.#path : [...this.#path, member])
  }

  #block(rule: BlockRule, what: string, path: readonly string[]): void {
    const { rules, collected, limits } = this.#walk
    if (rules.has(rule) && collected.blocks.length < limits.maxFindings) collected.blocks.push({ rule, path, what })
  }

  member(name: string): void {
    spendItem(this.budget)
    this.#judgeName(name, [...this.#path, name])
  }

  #judgeName(name: string, path: readonly string[]): void {
    for (const { rule, what } of nameFaults(name, this.#walk.extensions)) this.#block(rule, what, path)
  }

  child(name: string, bytes: Buffer, declaredType: string | null = null): void {
    spendItem(this.budget)
    const node = new Node(this.#walk, { filename: name, declaredType, bytes }, this.#path, 'data')
    node.guard(() => node.inspect())
  }
}

const samePath = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((name, i) => name === b[i])
