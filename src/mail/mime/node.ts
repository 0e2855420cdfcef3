import type { AnomalyKind } from './anomaly.ts'
import { describe, type Entity, isIdentity } from './entity.ts'
import type { MimeLimits } from './limits.ts'
import type { Part, PartField } from './part.ts'

const NO_FIELDS: readonly PartField[] = []

/** A part that is being read. */
export class PartNode implements Part {
  readonly parent: PartNode | null
  readonly depth: number
  readonly headerStart: number
  readonly children: PartNode[] = []
  bodyStart = 0
  bodyEnd = 0
  fields = NO_FIELDS
  close: { readonly start: number; readonly end: number } | null = null
  epilogueSeen = false
  reopened = false
  readonly #index: number
  #entity: Entity | null = null

  constructor(parent: PartNode | null, headerStart: number) {
    this.parent = parent
    this.depth = parent === null ? 0 : parent.depth + 1
    this.headerStart = headerStart
    this.#index = parent === null ? 1 : parent.children.length + 1
  }

  /** Its header has been read. */
  describe(fields: readonly PartField[], bodyStart: number, limits: MimeLimits): void {
    this.fields = fields
    this.bodyStart = bodyStart
    this.bodyEnd = bodyStart
    const digest = this.parent?.type.full === 'multipart/digest'
    this.#entity = describe(fields, digest ? 'message/rfc822' : 'text/plain', limits)
  }

  get path(): string {
    return this.parent === null ? '1' : `${this.parent.path}.${this.#index}`
  }

  get #said(): Entity {
    this.#entity ??= describe(NO_FIELDS, 'text/plain', NO_LIMITS)
    return this.#entity
  }

  get type() {
    return this.#said.type
  }

  get otherTypes() {
    return this.#said.otherTypes
  }

  get encoding() {
    return this.#said.encoding
  }

  get disposition() {
    return this.#said.disposition
  }

  get charset() {
    return this.#said.charset
  }

  get fileNames() {
    return this.#said.fileNames
  }

  get boundary() {
    return this.#said.boundary
  }

  get flaws(): ReadonlySet<AnomalyKind> {
    return this.#said.flaws
  }

  /** Its content stands in the message as it is. */
  get isPlain(): boolean {
    return isIdentity(this.encoding)
  }
}

/** For parts without fields, which no limit concerns. */
const NO_LIMITS: MimeLimits = { depth: 0, parts: 0, headerBytes: 0, headerFields: 0, parameters: 0, anomalies: 0 }
