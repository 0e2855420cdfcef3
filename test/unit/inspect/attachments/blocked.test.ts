import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judge, rulesOf, zipOf } from './fixtures.ts'

const named = (name: string): string[] => rulesOf(judge(name, 'text of no kind'))

test('a name is judged as a system would open it', () => {
  assert.deepEqual(named('report.txt'), [])
  for (const name of [
    'a.exe',
    'A.EXE',
    'a.exe.',
    'a.exe  . ',
    'a.exe::$DATA',
    'a.\uff45xe',
    'a\u2024exe',
    'folder\\a.exe',
    'a. exe',
  ]) {
    assert.deepEqual(named(name), ['extension'], name)
  }
})

test('a second extension that hides the first is told apart', () => {
  assert.deepEqual(named('invoice.pdf.exe'), ['double-extension'])
  assert.deepEqual(named('invoice.pdf                    .scr'), ['double-extension'])
  assert.deepEqual(named('v1.2.exe'), ['extension'])
  assert.deepEqual(named('invoice.exe.pdf'), [])
})

test('names that turn the direction of writing or hide characters are blocked', () => {
  assert.deepEqual(named('invoice\u202efdp.exe'), ['bidi-name', 'extension'])
  assert.deepEqual(named('invoice\u2066fdp.txt'), ['bidi-name'])
  assert.deepEqual(named('invoice.e\u200bxe'), ['hidden-characters', 'extension'])
  assert.deepEqual(named('invoice\u200b.txt'), ['hidden-characters'])
  assert.deepEqual(named('\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645.txt'), [])
})

test('content is judged whatever the name says', () => {
  const program = Buffer.alloc(256)
  program.write('MZ')
  program.writeUInt32LE(128, 60)
  program.write('PE\0\0', 128)
  const disk = Buffer.alloc(0x8800)
  disk.write('CD001', 0x8001)
  const cases: [Buffer | string, string][] = [
    [program, 'executable'],
    [Buffer.from('\x7fELF\x02\x01\x01', 'latin1'), 'executable'],
    [Buffer.from('cffaedfe07000001', 'hex'), 'executable'],
    [Buffer.from('4c0000000114020000000000c000000000000046', 'hex'), 'shortcut'],
    ['[InternetShortcut]\r\nURL=https://example.test/', 'shortcut'],
    ['#!/bin/sh\nrm -rf /\n', 'script'],
    ['\r\n@echo off\r\n', 'script'],
    ['#@~^ encoded', 'script'],
    [Buffer.from('\ufeffWindows Registry Editor Version 5.00', 'utf16le'), 'script'],
    ['<html><head><HTA:Application id="x"></head></html>', 'html-application'],
    [disk, 'disk-image'],
    ['ITSF\x03\0\0\0', 'help-file'],
    [Buffer.from('e4525c7b8cd8a74daeb15378d02996d3', 'hex'), 'notebook'],
  ]
  for (const [bytes, rule] of cases) {
    assert.deepEqual(rulesOf(judge('picture.jpg', bytes)), [rule])
    assert.deepEqual(rulesOf(judge('a.zip', zipOf([{ name: 'picture.jpg', data: Buffer.from(bytes), method: 8 }]))), [
      rule,
    ])
  }
  assert.deepEqual(
    rulesOf(judge('picture.jpg', 'MZ is how this letter begins, and it is nothing but text, all of it.')),
    [],
  )
})

test('macro documents are found by their parts, not their names', () => {
  assert.deepEqual(
    rulesOf(judge('a.docx', zipOf([{ name: '[Content_Types].xml' }, { name: 'word/vbaProject.bin' }]))),
    ['macro'],
  )
  assert.deepEqual(rulesOf(judge('a.xlsx', zipOf([{ name: 'xl/macrosheets/sheet1.xml' }]))), ['macro'])
  const types = 'application/vnd.ms-word.document.macroEnabled.main+xml'
  assert.deepEqual(rulesOf(judge('a.docx', zipOf([{ name: '[Content_Types].xml', data: types }]))), ['macro'])
  assert.deepEqual(
    rulesOf(judge('a.odt', zipOf([{ name: 'Basic/Standard/Module1.xml' }, { name: 'Basic/script-lc.xml' }]))),
    ['macro'],
  )
})

test('operators replace the list', () => {
  const { blocked } = judge('a.xyz', 'text', { extensions: ['XYZ'] })
  assert.deepEqual(
    blocked.map(({ what }) => what),
    ['.xyz'],
  )
  assert.deepEqual(judge('a.exe', 'text', { extensions: ['xyz'] }).blocked, [])
})

test('the sender reads which file it is and what to do, in ASCII', () => {
  const { blocked } = judge('a.zip', zipOf([{ name: 'caf\u00e9\u202efdp.exe' }]))
  const [first] = blocked
  assert.equal(first?.path, 'a.zip > caf\u00e9<U+202E>fdp.exe')
  for (const { reason } of blocked)
    assert.match(reason, /^The attachment "a\.zip > cafe<U\+202E>fdp\.exe" is of a kind [ -~]+$/u)
})
