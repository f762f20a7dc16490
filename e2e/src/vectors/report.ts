// Runs a reconciliation report of test-vectors/.

import { parseVkey } from '@writ/core/formats/key';
import { openReport } from '@writ/core/streams/reconciliation-report';

/** What a report says that one of the keys signed; LogError otherwise. */
export function runReport(input: {
  octets(name: string): Uint8Array;
  texts(name: string): string[];
}): Readonly<Record<string, unknown>> {
  const report = openReport(input.octets('report'), input.texts('vkeys').map(parseVkey));
  return {
    class: report.class,
    reason: report.reason,
    mode: report.mode,
    village: report.village,
    pending: String(report.pending.count),
    exit: report.exit,
  };
}
