// writ policy: what is and was in force.

import { formatHex } from '@writ/core/bytes';
import { LogError } from '@writ/core/errors';
import { sha256 } from '@writ/core/sha256';
import { type JsonValue, parseCanonicalJson } from '@writ/core/statements/jcs';
import { diffJson, type JsonChange } from '@writ/policy/engine/json-diff';
import { policyId } from '@writ/policy/engine/policy-id';
import type { News } from '@writ/verifier/follow/reading';
import type { View } from '../author.ts';
import type { Answer, Context } from '../context.ts';
import { readJson } from '../files.ts';

const EXIT_DIFFERENT = 1;

/** Two files, or with --village a policy in force and a file. Exit 0 when both mean the same, 1 otherwise. */
export async function diffPolicies(context: Context): Promise<Answer> {
  const [first, second] = [context.operand(0), context.operand(1)];
  const before =
    context.value('village') === undefined
      ? await readJson(first, 'policy')
      : await specInForce(context, first);
  const changes = diffJson(before, await readJson(second, 'policy'));
  return {
    exit: changes.length === 0 ? 0 : EXIT_DIFFERENT,
    lines: changes.length === 0 ? ['no difference'] : changes.map(changeLine),
    result: { changes },
  };
}

/** One line about a change. */
export function changeLine({ pointer, kind, before, after }: JsonChange): string {
  const values = [before, after].filter((value) => value !== undefined);
  return `${kind} ${pointer || '(all)'}: ${values.map((value) => JSON.stringify(value)).join(' -> ')}`;
}

async function specInForce(context: Context, name: string): Promise<JsonValue> {
  const view = await context.view({ whole: true });
  const policy = policyId(`village/${view.state.village}`, name);
  const digest = view.state.policies.get(policy)?.digest ?? null;
  if (digest === null)
    throw new LogError('not-found', `policy ${policy} is not in force`, { policy });
  const spec = specsOf(view).get(formatHex(digest));
  if (spec === undefined)
    throw new LogError('storage-corrupt', 'no statement holds the spec of its digest', { policy });
  return parseCanonicalJson(spec);
}

/** The specs in the statements of a view that has the whole history, by digest in hexadecimal. */
export function specsOf({ news }: View): ReadonlyMap<string, Uint8Array> {
  return new Map(
    news.flatMap(({ payload }) =>
      payload.kind === 'policy-change' ? [[formatHex(sha256(payload.spec)), payload.spec]] : [],
    ),
  );
}

/** Every statement that concerns one policy, or all. */
export async function showHistory(context: Context): Promise<Answer> {
  const { state, news } = await context.view({ whole: true });
  const [name] = context.invocation.operands;
  const wanted = name === undefined ? undefined : policyId(`village/${state.village}`, name);
  const rows = news.filter((item) => wanted === undefined || concerns(item, wanted, news)).map(row);
  return {
    lines: rows.map(
      ({ stream, seq, index, kind, by, result, id }) =>
        `entry ${index}  ${stream} ${seq}  ${kind}: ${result} by ${by}  ${id}`,
    ),
    result: { statements: rows },
  };
}

interface HistoryRow {
  readonly stream: string;
  readonly seq: number;
  readonly index: number;
  readonly id: string;
  readonly kind: string;
  readonly by: string;
  readonly result: string;
  readonly rule: string;
  readonly timeSeconds: number;
  readonly superseded: readonly string[];
}

function row({ statement, payload, leafIndex, timeSeconds, effect }: News): HistoryRow {
  const { stream, seq, id } = statement;
  const { by, result, rule, superseded } = effect;
  return {
    stream,
    seq,
    index: leafIndex,
    id: formatHex(id),
    kind: payload.kind,
    by: by.member ?? `key ${by.keyId}`,
    result,
    rule,
    timeSeconds,
    superseded,
  };
}

function concerns({ payload, statement }: News, policy: string, news: readonly News[]): boolean {
  if ('policy' in payload) return payload.policy === policy;
  if (!('proposal' in payload)) return false;
  const id = formatHex(payload.proposal);
  const proposed = news.find((other) => formatHex(other.statement.id) === id);
  return (
    proposed !== undefined &&
    proposed.statement !== statement &&
    'policy' in proposed.payload &&
    proposed.payload.policy === policy
  );
}
