import { BLOCK_RULES, type BlockRule } from '../../../mail/attachment-words.ts'

/** What may not pass at all. Operators replace either list as a whole. */
export interface BlockList {
  /** Extensions in lower case, without the dot. */
  readonly extensions: readonly string[]
  /** Rules that apply; one that is left out never blocks. */
  readonly rules: readonly BlockRule[]
}

const PROGRAMS = 'exe com scr pif cpl dll ocx sys drv msi msp mst msix msixbundle appx appxbundle gadget app dmg pkg'
const SCRIPTS =
  'bat cmd vb vbs vbe vbp js jse mjs ws wsf wsh wsc sct ps1 ps1xml ps2 ps2xml psc1 psc2 psd1 psm1 msh msh1 msh2 ' +
  'mshxml msh1xml msh2xml sh bash csh ksh zsh command py pyc pyo pyw pyz pyzw pl rb hta html-application'
const SHORTCUTS = 'lnk url website scf desktop library-ms search-ms searchconnector-ms settingcontent-ms appref-ms'
const SYSTEM = 'reg inf ins isp its job msc theme themepack grp hlp chm cnt xbap xnk application appcontent-ms diagcab'
const JAVA = 'jar jnlp class apk'
const ADD_INS = 'xll xla xlam ppa ppam wll wiz wbk mde mda mdt mdw mdz ade adp ops pst one onepkg iqy oqy rqy slk'
const MACROS = 'docm dotm xlsm xltm pptm potm ppsm sldm'
const IMAGES = 'iso img udf vhd vhdx vmdk vdi qcow2 wim esd'
const ARCHIVES = 'ace arj lzh lha cab'

const words = (...lists: string[]): string[] => lists.flatMap((list) => list.split(' '))

export const DEFAULT_BLOCKED: BlockList = {
  extensions: words(PROGRAMS, SCRIPTS, SHORTCUTS, SYSTEM, JAVA, ADD_INS, MACROS, IMAGES, ARCHIVES),
  rules: BLOCK_RULES,
}
