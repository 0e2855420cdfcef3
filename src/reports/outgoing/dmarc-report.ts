import type { DmarcObservation, PublishedPolicy } from '../../mail/dmarc.ts'
import { lastSecondOf, startOfDay } from '../day.ts'
import type { Counted } from '../tally.ts'
import type { DueKey } from '../wire.ts'
import type { Reporter } from './tls-report.ts'
import { writeXml, type Xml } from './xml.ts'

type Facts = Omit<DmarcObservation, 'at' | 'published'>

/** An aggregate report as XML (RFC 7489 appendix C). */
export function dmarcReport(
  { day }: DueKey,
  { organisation, contact, reportId, email }: Reporter & { readonly email: string },
  published: PublishedPolicy,
  rows: readonly Counted<{ readonly facts: string }>[],
): string {
  const metadata: Xml = [
    'report_metadata',
    [
      ['org_name', organisation],
      ['email', email],
      contact === '' ? null : ['extra_contact_info', contact],
      ['report_id', reportId],
      [
        'date_range',
        [
          ['begin', startOfDay(day) / 1000],
          ['end', lastSecondOf(day) / 1000],
        ],
      ],
    ],
  ]
  const records = rows.map(({ row, count }) => record(JSON.parse(row.facts) as Facts, count))
  return writeXml(['feedback', [['version', '1.0'], metadata, policy(published), ...records]])
}

const policy = ({ domain, adkim, aspf, p, sp, pct }: PublishedPolicy): Xml => [
  'policy_published',
  [
    ['domain', domain],
    ['adkim', adkim],
    ['aspf', aspf],
    ['p', p],
    ['sp', sp],
    ['pct', pct],
  ],
]

function record({ sourceIp, disposition, dkimAligned, spfAligned, override, ...rest }: Facts, count: number): Xml {
  const evaluated: Xml = [
    'policy_evaluated',
    [
      ['disposition', disposition],
      ['dkim', verdict(dkimAligned)],
      ['spf', verdict(spfAligned)],
      override === null
        ? null
        : [
            'reason',
            [
              ['type', override.type],
              ['comment', override.comment],
            ],
          ],
    ],
  ]
  const identifiers: Xml = [
    'identifiers',
    [
      rest.envelopeTo === null ? null : ['envelope_to', rest.envelopeTo],
      ['envelope_from', rest.envelopeFrom],
      ['header_from', rest.headerFrom],
    ],
  ]
  const row: Xml = ['row', [['source_ip', sourceIp], ['count', count], evaluated]]
  return ['record', [row, identifiers, ['auth_results', results(rest)]]]
}

const verdict = (aligned: boolean): string => (aligned ? 'pass' : 'fail')

function results({ dkim, spf }: Pick<Facts, 'dkim' | 'spf'>): Xml[] {
  const signatures = dkim.map(({ domain, selector, result }): Xml => {
    return [
      'dkim',
      [
        ['domain', domain],
        ['selector', selector],
        ['result', result],
      ],
    ]
  })
  if (spf === null) return signatures
  return [
    ...signatures,
    [
      'spf',
      [
        ['domain', spf.domain],
        ['scope', spf.scope],
        ['result', spf.result],
      ],
    ],
  ]
}
