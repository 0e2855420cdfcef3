import type { FieldValue, Parameter } from './parameters.ts'

/** RFC 2045 section 6.1; `unknown` is what is none of them. */
export type Encoding = '7bit' | '8bit' | 'binary' | 'quoted-printable' | 'base64' | 'uuencode' | 'unknown'

export interface ContentType {
  /** `text/plain`, lower-case. What the part is taken for, where the field is missing or broken. */
  readonly full: string
  readonly type: string
  readonly subtype: string
  readonly parameters: ReadonlyMap<string, Parameter>
  /** No field said so: it is the default of RFC 2045 section 5.2. */
  readonly implicit: boolean
}

export interface FileName {
  /** Decoded. May hold anything, path separators and control characters included. */
  readonly text: string
  /** As it stands in the header, a binary string. */
  readonly raw: string
  readonly from: 'filename' | 'name'
}

/** A MIME field as it stands, unfolded, a binary string. Only MIME-Version and fields whose names begin with `Content-` are kept. */
export interface PartField {
  /** Lower-case. */
  readonly name: string
  readonly value: string
  /** Its bytes in the message, line end included. */
  readonly start: number
  readonly end: number
}

/** A part of a message, as most mail readers see it. Offsets are bytes from the start of the message. */
export interface Part {
  /** Its place: `1` for the root, `1.2` for its second child. */
  readonly path: string
  /** 0 for the root. */
  readonly depth: number
  readonly parent: Part | null
  readonly headerStart: number
  /** After the empty line. */
  readonly bodyStart: number
  /** Before the line end that belongs to the boundary. */
  readonly bodyEnd: number
  readonly fields: readonly PartField[]
  readonly type: ContentType
  /** Other types that repeated Content-Type fields give. */
  readonly otherTypes: readonly FieldValue[]
  readonly encoding: Encoding
  /** Lower-case `attachment`, `inline` and the like; null without the field. */
  readonly disposition: string | null
  /** As label, lower-case; null if none is given. */
  readonly charset: string | null
  /** Every name that the header gives it, that which readers show first. */
  readonly fileNames: readonly FileName[]
  /** Of a multipart with a usable boundary, otherwise null. */
  readonly boundary: string | null
  /** Parts of a multipart; the one message in a message/rfc822 that is not encoded. */
  readonly children: readonly Part[]
  /** Where the closing boundary's line of a multipart starts and ends; null without one. */
  readonly close: { readonly start: number; readonly end: number } | null
}

/** The part and all below it, in the order of the message. */
export function* walk(part: Part): Generator<Part> {
  // by hand: generators in generators cost a step for each level
  const left: Part[] = [part]
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    yield next
    for (let i = next.children.length - 1; i >= 0; i--) {
      const child = next.children[i]
      if (child !== undefined) left.push(child)
    }
  }
}

/** The parts that hold content of their own. */
export function* leaves(part: Part): Generator<Part> {
  for (const each of walk(part)) if (each.children.length === 0) yield each
}

export const isMultipart = (part: Part): boolean => part.type.type === 'multipart'

/** An attached message: message/rfc822, or message/global of RFC 6532. */
export const isMessage = (part: Part): boolean => MESSAGES.has(part.type.full)

const MESSAGES: ReadonlySet<string> = new Set(['message/rfc822', 'message/global', 'message/news'])

/** The name that a reader shows; null where there is none. */
export const fileName = (part: Part): string | null => part.fileNames[0]?.text ?? null
