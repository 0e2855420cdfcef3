/**
 * The two harmless texts that scanners are tested with. Neither stands in one piece in any file, so
 * that a scanner which looks at this folder has nothing to find.
 */

/** EICAR's test file, 68 bytes: every virus scanner calls it a virus. */
export const eicar = (): Buffer =>
  Buffer.from(['X5O!P%@AP[4\\PZX54', '(P^)7CC)7}$', 'EICAR-STANDARD-', 'ANTIVIRUS-TEST-FILE!', '$H+H*'].join(''))

/** GTUBE, 68 bytes: every spam filter calls it spam. */
export const gtube = (): string =>
  ['XJS*C4JDBQADN1.', 'NSBN3*2IDNEN*', 'GTUBE-STANDARD-ANTI-', 'UBE-TEST-EMAIL*C.34X'].join('')
