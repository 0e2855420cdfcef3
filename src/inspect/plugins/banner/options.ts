import { OptionsError, OptionsReader } from '../../options.ts'
import { DomainSet } from '../tagline/domains.ts'
import type { TextFiles } from '../tagline/files.ts'
import { readTextOptions, type TextOptions } from '../tagline/options.ts'

export interface BannerOptions extends TextOptions {
  readonly files: TextFiles
  /** Authors' domains whose mail needs none, where DMARC proves them. */
  readonly trusted: DomainSet
}

/** Reads the options as they stand in the configuration. Throws OptionsError. */
export function parseBannerOptions(raw: unknown): BannerOptions {
  const reader = new OptionsReader('banner', raw)
  const text = reader.text('text')
  const html = reader.text('html')
  const trusted = reader.list('trusted', [])
  const options = readTextOptions(reader, 'top')
  reader.done()
  if (text === null) throw new OptionsError('banner: text: expected the path of the text, found nothing')
  if (trusted.includes('*')) throw new OptionsError('banner: trusted: for a banner on no mail, leave the plugin out')
  return { ...options, files: { text, html }, trusted: DomainSet.parse(trusted, 'banner: trusted') }
}
