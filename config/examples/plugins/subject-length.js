/**
 * An example of a plugin of your own: marks messages whose subject is very long.
 * Name it in the configuration:
 *
 *   inspect:
 *     - module:
 *         path: /etc/postern/plugins/subject-length.js
 *         mode: tag
 *         options: { most: 200 }
 *
 * The file must be writable by its owner only. Postern loads it at start and, if it has changed,
 * at a reload. For types and editor help: npm install --save-dev postern
 */

/** @type {import('postern').PluginFactory} */
export default function subjectLength(options, { log }) {
  const most = Number(options.most ?? 200)
  if (!(most > 0)) throw new Error('most must be a number above 0')
  log.debug({ most }, 'subject-length is ready')
  return {
    name: 'subject-length',
    async data({ header }) {
      const subject = header.find((field) => field.name.toLowerCase() === 'subject')
      const length = subject?.value.length ?? 0
      if (length <= most) return { action: 'continue' }
      return {
        action: 'tag',
        reason: `subject of ${length} characters`,
        fields: [['X-Long-Subject', String(length)]],
      }
    },
  }
}
