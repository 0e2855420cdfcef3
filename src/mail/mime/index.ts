/** The structure of messages: what other rooms need of it. */
export { ANOMALY_KINDS, type Anomaly, type AnomalyKind, type Weight, weightOf } from './anomaly.ts'
export { attachedMessage, type UnpackedMessage, unpackMessage } from './attached.ts'
export { decoderFor, decodeText, decodeUnlabelled, isUtf7 } from './charset.ts'
export { bodyDecoder, type Decoded, type Decoder, decodeBody, decodeBytes, decodeTextBody } from './decode.ts'
export { isIdentity } from './entity.ts'
export { MIME_LIMITS, type MimeLimits } from './limits.ts'
export { type FieldValue, type Parameter, parseFieldValue } from './parameters.ts'
export {
  type ContentType,
  type Encoding,
  type FileName,
  fileName,
  isMessage,
  isMultipart,
  leaves,
  type Part,
  type PartField,
  walk,
} from './part.ts'
export { type Mime, MimeReader, readMime, readMimeContent } from './reader.ts'
export { type Edit, readSpans, type Span, spanChunks, splice } from './slices.ts'
export { findUuBlocks, type UuBlock, UuDecoder } from './uuencode.ts'
export { decodeWords, type Words } from './words.ts'
