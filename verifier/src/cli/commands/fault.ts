// writ-verify fault: does a file really show that a log published a wrong state root.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { checkpointFacts } from '../claims.ts';
import type { Context } from '../context.ts';
import { readInput } from '../inputs.ts';
import { openLog } from '../open-log.ts';
import type { Claim } from '../report.ts';
import {
  type ComputedIndex,
  isSame,
  type OpenedFault,
  openStateRootFault,
} from '../state-root-fault.ts';
import { type ScannedEntry, scanStatements } from '../statement-audit.ts';

/** Verifies a state root fault; a wrong index only together with the entries of the log. */
export async function fault(context: Context): Promise<Claim> {
  const policy = context.policy();
  const bytes = readInput(context.operand(0), 'state root fault');
  const opened = openStateRootFault(bytes, policy, context.trace);
  const { checkpoint, leafIndex, reason, message, computed } = opened;
  if (computed !== null) await requireComputed(context, opened, computed);
  return {
    text: `the log ${checkpoint.origin} signed a tree of ${checkpoint.size} entries with a wrong state root: ${message}`,
    facts: {
      reason,
      index: String(leafIndex),
      computedRoot: computed === null ? null : formatHex(computed.root),
      computedStreams: computed === null ? null : String(computed.streams),
      ...checkpointFacts(checkpoint),
    },
  };
}

/** Recomputes the index from the entries, which hash to the root of the checkpoint in the file. */
async function requireComputed(
  context: Context,
  { checkpoint, leafIndex }: OpenedFault,
  computed: ComputedIndex,
): Promise<void> {
  const where = context.value('log');
  if (where === undefined)
    throw new LogError(
      'nothing-to-verify',
      `a wrong index shows only with the entries before ${leafIndex}: --log DIR or URL says where they are`,
    );
  const { source, fresh } = openLog(where, context);
  let found: ScannedEntry | undefined;
  await scanStatements(fresh ?? source, [checkpoint], (entry) => {
    if (entry.index === leafIndex) found = entry;
  });
  const root = found?.root ?? null;
  if (root !== null && isSame(root.computed, computed)) {
    context.trace.pass('entries', {
      why: `the entries before ${leafIndex} have the index that the file says`,
      got: formatHex(computed.root),
    });
    return;
  }
  const error = new LogError(
    'state-root-fault-malformed',
    `the entries before ${leafIndex} have another index than the file says`,
    {
      expected: formatHex(computed.root),
      got: root === null ? 'none' : formatHex(root.computed.root),
    },
  );
  context.trace.fail('entries', error);
  throw error;
}
