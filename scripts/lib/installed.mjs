// Exits 0 if node_modules holds what package-lock.json names. Runs on any Node, before the pinned one is there.
import { existsSync, readFileSync } from 'node:fs'

const packages = (file) => JSON.parse(readFileSync(file, 'utf8')).packages
const complete = () => {
  if (!existsSync('node_modules/.bin/node')) return false
  const wanted = packages('package-lock.json')
  const found = packages('node_modules/.package-lock.json')
  return Object.entries(wanted).every(
    ([path, { version, optional }]) => path === '' || optional === true || found[path]?.version === version,
  )
}

try {
  process.exitCode = complete() ? 0 : 1
} catch {
  process.exitCode = 1
}
