/** One metric that Postern exposes. */
export interface MetricDeclaration {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  readonly labels?: readonly string[]
  /** Upper bounds of a histogram's buckets, in the unit that the name ends in. */
  readonly buckets?: readonly number[]
}

// Seconds: from a commit on fast flash to a delivery that took all day
const COMMIT_SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5]
const INSPECTION_SECONDS = [0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60]
const DELIVERY_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 1_800, 3_600, 14_400, 86_400, 432_000]

/**
 * Every metric, once: name, type, help, labels, buckets. Whoever counts through the seam uses one of
 * these names with exactly these labels; a test reads the source and refuses any other. Labels
 * come from configuration or from short fixed lists, never from the outside, so that nobody can grow them.
 */
export const METRICS = {
  postern_accepted_total: {
    type: 'counter',
    help: 'Messages that were committed and answered 250, by the client they came from.',
    labels: ['client'],
  },
  postern_accepted_bytes_total: { type: 'counter', help: 'Bytes of content of accepted messages.' },
  postern_refused_total: {
    type: 'counter',
    help: 'Connections, senders, recipients and messages that were refused, by reason.',
    labels: ['reason'],
  },
  postern_mta_sts_requests_total: {
    type: 'counter',
    help: 'Requests to the listener of our MTA-STS policies, by HTTP status.',
    labels: ['status'],
  },
  postern_mta_sts_damaged_total: {
    type: 'counter',
    help: 'Kept MTA-STS policies of others that were found damaged at a start.',
  },
  postern_connections: { type: 'gauge', help: 'Open connections of a listener.', labels: ['listener'] },
  postern_relayed_total: {
    type: 'counter',
    help: 'Recipients taken over by the next hop, by protocol.',
    labels: ['protocol'],
  },
  postern_deferred_total: {
    type: 'counter',
    help: 'Recipients put off to a later attempt, by reason.',
    labels: ['reason'],
  },
  postern_failed_total: { type: 'counter', help: 'Recipients given up, by reason.', labels: ['reason'] },
  postern_attempts_total: { type: 'counter', help: 'Attempts to deliver, by outcome.', labels: ['outcome'] },
  postern_delivery_seconds: {
    type: 'histogram',
    help: 'From receipt of a message until the next hop took it.',
    buckets: DELIVERY_SECONDS,
  },
  postern_queue_recipients: { type: 'gauge', help: 'Recipients in the spool, by state.', labels: ['state'] },
  postern_queue_oldest_seconds: { type: 'gauge', help: 'Age of the oldest message in the spool; 0 when it is empty.' },
  postern_queue_destination_pending: {
    type: 'gauge',
    help: 'Recipients that wait for a destination, for the longest queues; the rest together as "other".',
    labels: ['destination'],
  },
  postern_queue_destination_leased: {
    type: 'gauge',
    help: 'Recipients being attempted at a destination, for the longest queues; the rest together as "other".',
    labels: ['destination'],
  },
  postern_queue_blocked_destinations: { type: 'gauge', help: 'Destinations that are backing off.' },
  postern_queue_damaged: { type: 'gauge', help: 'Rows of the spool that could not be understood and were set aside.' },
  postern_spool_room: { type: 'gauge', help: '1 for what the spool is now: open, full or broken.', labels: ['room'] },
  postern_spool_free_bytes: { type: 'gauge', help: 'Free space on the disk that holds the spool.' },
  postern_spool_commit_seconds: {
    type: 'histogram',
    help: 'Time that a commit of the spool took.',
    buckets: COMMIT_SECONDS,
  },
  postern_spool_run_seconds: {
    type: 'histogram',
    help: 'Time that the work of a commit took before it, in the thread of the spool.',
    buckets: COMMIT_SECONDS,
  },
  postern_spool_batch_calls: {
    type: 'histogram',
    help: 'Calls that shared one commit of the spool.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
  },
  postern_ledger_query_seconds: {
    type: 'histogram',
    help: 'Time that a question to the record of what happened took.',
    buckets: COMMIT_SECONDS,
  },
  postern_reports_sent_total: {
    type: 'counter',
    help: 'Reports of TLS and DMARC that were handed over, one for each place that they go to, by kind and outcome.',
    labels: ['kind', 'outcome'],
  },
  postern_reports_received_total: {
    type: 'counter',
    help: 'Mail to the addresses for reports and imported files, by kind and what they turned out to be.',
    labels: ['kind', 'outcome'],
  },
  postern_event_loop_delay_seconds: {
    type: 'gauge',
    help: 'How late the main thread was to its work since the last scrape.',
    labels: ['quantile'],
  },
  postern_inspection_seconds: {
    type: 'histogram',
    help: 'Time that a plugin took.',
    labels: ['plugin'],
    buckets: INSPECTION_SECONDS,
  },
  postern_inspection_total: {
    type: 'counter',
    help: 'Verdicts of plugins.',
    labels: ['plugin', 'verdict'],
  },
  postern_scanner_up: {
    type: 'gauge',
    help: '1 while a host of a scanner answers, 0 while it does not.',
    labels: ['scanner', 'host'],
  },
  postern_scan_total: {
    type: 'counter',
    help: 'Messages handed to a scanner, by what came of it.',
    labels: ['scanner', 'result'],
  },
  postern_scan_seconds: {
    type: 'histogram',
    help: 'Time that a scanner took over a message, with waiting for it.',
    labels: ['scanner'],
    buckets: INSPECTION_SECONDS,
  },
  postern_worker_deaths_total: {
    type: 'counter',
    help: 'Worker threads that died or hung, and were replaced.',
  },
  postern_secure_domains: {
    type: 'gauge',
    help: 'Entries of the register of secure domains, by what they are now: secure, expired or retired.',
    labels: ['standing'],
  },
  postern_secure_domain_next_expiry_seconds: {
    type: 'gauge',
    help: 'Until the next of the secure domains expires, and which one it is; missing where there is none.',
    labels: ['domain'],
  },
  postern_memory_held_bytes: {
    type: 'gauge',
    help: 'Memory that is held and that the system could not take back at once, against the nearest bound.',
  },
  postern_memory_limit_bytes: {
    type: 'gauge',
    help: 'The nearest bound of memory: of a control group, or as configured.',
  },
  postern_memory_short: { type: 'gauge', help: '1 while no new mail is taken because memory is short.' },
  postern_alarms: { type: 'gauge', help: 'Alarms that stand, by what they are about.', labels: ['kind'] },
  postern_log_dropped_total: { type: 'counter', help: 'Lines of the log that were lost because nothing took them.' },
  postern_metrics_misused_total: {
    type: 'counter',
    help: 'Measurements that were thrown away because their name or labels are not declared: a fault of the program.',
  },
} as const satisfies Readonly<Record<string, MetricDeclaration>>

export type MetricName = keyof typeof METRICS
