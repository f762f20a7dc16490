// writ village amend: from a file to an amendment of the constitution, with a look at what it would change before.

import { LogError } from '@writ/core/errors';
import type { ChangeClass, Constitution } from '@writ/core/statements/kinds/constitution';
import { classOf } from '@writ/core/streams/constitution-check';
import { refusalError, settle } from '@writ/core/streams/refusal';
import { enactKeys } from '@writ/core/streams/village-keys';
import type { VillageState } from '@writ/core/streams/village-state';
import type { JsonChange } from '@writ/policy/engine/json-diff';
import { write } from '../author.ts';
import { constitutionOf, diffConstitutions } from '../constitution-file.ts';
import type { Answer, Context } from '../context.ts';
import { readJson } from '../files.ts';
import { notBeforeOf } from '../not-before.ts';
import { outcome } from '../outcome.ts';
import { changeLine } from './policy-read.ts';

/** Shows what the file would change, and with --propose makes it a proposal. */
export async function amendVillage(context: Context): Promise<Answer> {
  const next = constitutionOf(await readJson(context.operand(0), 'constitution'));
  const isProposing = context.has('propose');
  const reason = isProposing ? context.required('reason') : '';
  const { state } = await context.view();
  const { version } = state.constitution;
  const changes = diffConstitutions(state.law, next);
  if (changes.length === 0)
    return { lines: ['no difference'], result: { version, changes, status: 'unchanged' } };
  const look = { version, class: judge(state, next), changes };
  if (!isProposing) return preview(look);
  const logged = await write(context, ({ state: now }) => {
    requireSame(version, now);
    const amendment = { version: version + 1, constitution: next, reason };
    return { kind: 'constitution-amend', ...amendment, ...notBeforeOf(context) };
  });
  const answer = await outcome(context, logged, `constitution version ${version + 1}`);
  return {
    lines: [...changes.map(changeLine), ...answer.lines],
    result: { ...look, ...answer.result },
  };
}

interface Look {
  /** Of the constitution in force. */
  readonly version: number;
  readonly class: ChangeClass;
  readonly changes: readonly JsonChange[];
}

function preview(look: Look): Answer {
  return {
    lines: [
      ...look.changes.map(changeLine),
      `an amendment of version ${look.version} under the rule for ${look.class}; nothing was sent`,
      'with --propose --reason TEXT it becomes a proposal',
    ],
    result: { ...look, status: 'preview' },
  };
}

/** The class of the amendment, by the rules of the log. LogError statement-refused for one that cannot work. */
function judge(state: VillageState, next: Constitution): ChangeClass {
  const by = { keyId: '', member: null, constitution: state.constitution };
  const seq = state.head.seq + 1;
  const effect = { by, rule: '', result: 'proposed', proposal: null, superseded: [] } as const;
  const outcome = settle(
    () => by,
    () => ({ state: enactKeys(state, next, seq, seq), effect }),
  );
  if (!outcome.admitted) throw refusalError(outcome.refusal);
  const version = state.constitution.version + 1;
  return classOf(state.law, { kind: 'constitution', version, constitution: next });
}

// What was looked at is what is signed: over another constitution the same file is another change.
function requireSame(version: number, { constitution }: VillageState): void {
  if (constitution.version === version) return;
  const message = 'the constitution was amended meanwhile; look at the difference again';
  throw new LogError('stream-conflict', message, { version: constitution.version });
}
