/**
 * How much an anomaly matters. `odd`: honest programs do it, and all read it alike. `doubtful`:
 * seldom honest, most programs read it alike. `ambiguous`: programs read it differently, or it
 * cannot be read to its end, so that a filter may see another message than the reader does.
 */
export type Weight = 'odd' | 'doubtful' | 'ambiguous'

const WEIGHTS = {
  /** More bytes or fields than the limits. */
  'header-too-large': 'ambiguous',
  /** A line that is no field, or a folded line with nothing to belong to. */
  'header-malformed': 'ambiguous',
  /** The header ends without an empty line. */
  'header-unterminated': 'odd',
  'header-nul': 'ambiguous',
  'header-8bit': 'odd',
  /** CR or LF by itself, which some take for the end of a line. */
  'header-line-end': 'ambiguous',
  /** A folded line of white space only: the end of the header to some. */
  'header-folding': 'ambiguous',
  /** White space between the name of a MIME field and its colon. */
  'header-space': 'ambiguous',
  /** A MIME field stands twice and says the same. */
  'duplicate-field': 'doubtful',
  /** A MIME field stands twice and says two things. */
  'conflicting-field': 'ambiguous',
  /** A comment in a MIME field (RFC 822): legal, and overlooked by many. */
  'field-comment': 'doubtful',
  /** Content-Type is no type/subtype. */
  'malformed-type': 'ambiguous',
  'malformed-parameter': 'doubtful',
  'duplicate-parameter': 'ambiguous',
  'too-many-parameters': 'ambiguous',
  /** Content-Disposition is no token. */
  'malformed-disposition': 'doubtful',
  'unknown-encoding': 'ambiguous',
  /** A multipart in base64 or the like, which RFC 2045 section 6.4 forbids. */
  'encoded-multipart': 'ambiguous',
  /** An attached message in base64 or the like; RFC 2046 section 5.2.1 forbids it. */
  'encoded-message': 'doubtful',
  'boundary-missing': 'ambiguous',
  /** Over the 70 characters of RFC 2046 section 5.1.1. */
  'boundary-too-long': 'ambiguous',
  /** Characters that RFC 2046 does not allow, of a harmless kind. */
  'boundary-odd': 'odd',
  /** Empty, with white space at its end, control characters, bytes above 127, or cut from a broken parameter. */
  'boundary-malformed': 'ambiguous',
  /** The same as that of an enclosing multipart. */
  'boundary-repeated': 'ambiguous',
  /** One begins with the other. */
  'boundary-prefix': 'doubtful',
  /** A line that begins with a boundary and goes on. */
  'boundary-lookalike': 'ambiguous',
  /** A multipart in which its boundary never comes. */
  'no-parts': 'ambiguous',
  /** A multipart without its closing boundary. */
  unterminated: 'doubtful',
  /** A part after the closing boundary of its multipart. */
  reopened: 'ambiguous',
  /** Text after the closing boundary, which readers do not show. */
  epilogue: 'odd',
  'too-deep': 'ambiguous',
  'too-many-parts': 'ambiguous',
  /** message/partial: the rest is in other messages. */
  partial: 'ambiguous',
  /** message/external-body: the content is elsewhere. */
  'external-body': 'doubtful',
  /** ASCII that becomes something else on the screen. */
  'charset-utf7': 'ambiguous',
  'charset-unknown': 'odd',
  /** A file name that cannot be decoded. */
  'malformed-name': 'doubtful',
  /** Control characters in a file name, or such that turn the direction of text. */
  'deceptive-name': 'doubtful',
  /** Two file names that end differently. */
  'conflicting-names': 'doubtful',
  /** Characters outside of the alphabet, or a last group of one. */
  'invalid-base64': 'doubtful',
  /** More data after the padding, where some decoders stop. */
  'base64-after-end': 'ambiguous',
  'invalid-quoted-printable': 'odd',
  'invalid-uuencode': 'doubtful',
} as const satisfies Record<string, Weight>

export type AnomalyKind = keyof typeof WEIGHTS

export const ANOMALY_KINDS = Object.keys(WEIGHTS) as readonly AnomalyKind[]

export const weightOf = (kind: AnomalyKind): Weight => WEIGHTS[kind]

/** Something about a message that programs may read differently. */
export interface Anomaly {
  readonly kind: AnomalyKind
  readonly weight: Weight
  /** The part's path, as in `Part.path`. */
  readonly part: string
}

/** Collects anomalies: the first `limit` of them, and at least one of each kind. */
export class Anomalies {
  readonly #limit: number
  readonly #found: Anomaly[] = []
  readonly #kinds = new Set<AnomalyKind>()

  constructor(limit: number) {
    this.#limit = limit
  }

  add(kind: AnomalyKind, part: { readonly path: string }): void {
    if (this.#found.length >= this.#limit && this.#kinds.has(kind)) return
    this.#kinds.add(kind)
    this.#found.push({ kind, weight: WEIGHTS[kind], part: part.path })
  }

  get found(): readonly Anomaly[] {
    return this.#found
  }
}
