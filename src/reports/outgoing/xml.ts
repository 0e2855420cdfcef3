/** What an element holds: text, or elements in their order; null is left out. */
export type XmlContent = string | number | readonly (Xml | null)[]

/** An element: its name, which is ours, and what it holds. */
export type Xml = readonly [name: string, content: XmlContent]

/** A document with one root. */
export const writeXml = (root: Xml): string => `<?xml version="1.0" encoding="UTF-8"?>\n${element(root, '')}\n`

function element([name, content]: Xml, indent: string): string {
  if (!Array.isArray(content)) return `${indent}<${name}>${escaped(String(content))}</${name}>`
  const inner = content.filter((each) => each !== null).map((each) => element(each as Xml, `${indent}  `))
  return `${indent}<${name}>\n${inner.join('\n')}\n${indent}</${name}>`
}

// XML 1.0 section 2.2: what may not stand in a document, however it is written
const FORBIDDEN = /[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

const escaped = (text: string): string =>
  text.replace(FORBIDDEN, '\ufffd').replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '')
