import { userInfo } from 'node:os'

/**
 * Who runs this command, for the record of what was done. The daemon takes our word for it:
 * the guard is the permission on the socket, this is a courtesy among those who have it.
 */
export function operatorName(env: NodeJS.ProcessEnv = process.env): string {
  const user = loginName()
  const before = env.SUDO_USER
  return before !== undefined && before !== '' && user === 'root' ? `${before} as root` : user
}

function loginName(): string {
  try {
    return userInfo().username
  } catch {
    // a container may run under a user id that has no name
    return `uid ${process.getuid?.() ?? 'unknown'}`
  }
}
