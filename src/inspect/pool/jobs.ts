import { examineJob } from '../plugins/attachments/examine-job.ts'
import { verifyJob } from '../plugins/authentication/verify-job.ts'
import { signJob } from '../plugins/sign/sign-job.ts'
import { encryptJob } from '../smime/encrypt-job.ts'
import { signerJob } from '../smime/signer-job.ts'

/** All that Postern's own worker threads can do. */
export const JOBS = { verify: verifyJob, sign: signJob, examine: examineJob, encrypt: encryptJob, signer: signerJob }

export type PostJobs = typeof JOBS
