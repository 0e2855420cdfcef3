import { key } from '../fields.ts'
import { size } from '../kinds.ts'
import type { PluginKeys } from './plugins.ts'

/** The keys of the plugin that learns recipients' certificates. */
export const learnCertificates: PluginKeys = {
  help: 'Keeps the S/MIME certificates that signed mail from outside brings along, if certificates.authorities vouch for them and they name its author. Never changes or delays mail.',
  keys: { largest: key(size('1KiB', '128MiB'), '10MiB', 'Larger messages are not looked at.') },
  built: true,
}
