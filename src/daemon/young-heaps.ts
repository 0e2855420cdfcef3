import { setFlagsFromString } from 'node:v8'

/**
 * From here on each thread that is started has the young generation that its `resourceLimits` name. V8's
 * flag, with which the daemon is started, has set that of the main thread by now, and would override theirs.
 */
export function leaveYoungHeapsToThreads(): void {
  // Read only where a heap is made; 0: not given
  setFlagsFromString('--max-semi-space-size=0')
}
