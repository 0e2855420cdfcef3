import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { reference } from '../src/config/reference-text.ts'

// Writes config/postern.yaml from the schema.
//   node scripts/gen-config.ts           writes it
//   node scripts/gen-config.ts --check   exits 1 if it is not what would be written

const file = fileURLToPath(new URL('../config/postern.yaml', import.meta.url))
const text = reference()

if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error(`${file} is not what the schema says: run node scripts/gen-config.ts`)
    process.exitCode = 1
  }
} else writeFileSync(file, text)
