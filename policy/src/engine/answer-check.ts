// What a driver answered, before anything believes it (spec/drivers.md section 7). A driver may be wrong, old or
// hostile: the answer is taken apart, checked against the call, and put together again from known members alone.

import { formatCanonicalJson, type JsonValue } from '@writ/core/statements/jcs';
import type { DriverAnswer, DriverCall, InventoryItem, Precondition } from './driver-manifest.ts';
import { parseTargetId } from './target-types.ts';

/** Largest answer in bytes, as the line that carries it. */
export const MAX_ANSWER_SIZE: number = 1024 * 1024;
export const MAX_PRECONDITIONS = 64;
export const MAX_PREVIEW = 256;
export const MAX_AFFECTED = 1024;
/** Most targets that one inventory answer lists. */
export const MAX_INVENTORY_ITEMS = 100_000;
const MAX_TEXT = 4096;
const MAX_NAME = 256;
const MAX_LABELS = 64;

const SEVERITIES = ['info', 'warn', 'error'] as const;
const PLAN_KINDS = ['cli', 'api', 'ssh', 'http', 'none'] as const;

export type CheckedAnswer = { readonly answer: DriverAnswer } | { readonly problem: string };

/**
 * `value` as the answer to `call`, or the first thing that is wrong with it, which is a structural mismatch. `key` is
 * the one that the call has; an answer under another key is about something else. `clean` takes secrets out of texts.
 */
export function checkAnswer(
  value: unknown,
  call: DriverCall,
  key: string,
  clean: (text: string) => string = (text) => text,
): CheckedAnswer {
  try {
    const answer = readAnswer(value, call, new Reader(clean));
    if (answer.idempotency_key !== key)
      return { problem: 'idempotency_key is not the key of this call' };
    return { answer };
  } catch (error) {
    if (error instanceof Mismatch) return { problem: error.message };
    throw error;
  }
}

/** The items of an inventory answer, each id canonical and there once; or what is wrong. */
export function checkInventoryItems(
  value: unknown,
  clean: (text: string) => string = (text) => text,
): { readonly items: readonly InventoryItem[] } | { readonly problem: string } {
  try {
    const reader = new Reader(clean);
    const seen = new Set<string>();
    const items = reader.list(value, 'items', MAX_INVENTORY_ITEMS).map((item, i) => {
      const read = readItem(item, `items.${i}`, reader);
      if (seen.has(read.id)) throw new Mismatch(`items.${i}.id is there twice`);
      seen.add(read.id);
      return read;
    });
    return { items };
  } catch (error) {
    if (error instanceof Mismatch) return { problem: error.message };
    throw error;
  }
}

function readAnswer(value: unknown, call: DriverCall, reader: Reader): DriverAnswer {
  const answer = reader.object(value, 'answer', [
    'ok',
    'severity',
    'idempotency_key',
    'preconditions',
    'plan',
    'effects',
    'reason',
  ]);
  const plan = reader.object(answer.get('plan'), 'plan', ['kind', 'preview']);
  const effects = reader.object(answer.get('effects'), 'effects', ['summary', 'per_target']);
  const read: DriverAnswer = {
    ok: reader.flag(answer.get('ok'), 'ok'),
    severity: reader.choice(answer.get('severity'), 'severity', SEVERITIES),
    idempotency_key: reader.text(answer.get('idempotency_key'), 'idempotency_key', MAX_NAME),
    preconditions: reader
      .list(answer.get('preconditions'), 'preconditions', MAX_PRECONDITIONS)
      .map((item, i) => readPrecondition(item, `preconditions.${i}`, reader)),
    plan: {
      kind: reader.choice(plan.get('kind'), 'plan.kind', PLAN_KINDS),
      preview: reader
        .list(plan.get('preview'), 'plan.preview', MAX_PREVIEW)
        .map((item, i) => reader.json(item, `plan.preview.${i}`)),
    },
    effects: {
      summary: reader.text(effects.get('summary'), 'effects.summary', MAX_TEXT),
      per_target: reader
        .list(effects.get('per_target'), 'effects.per_target', MAX_AFFECTED)
        .map((item, i) => {
          const at = `effects.per_target.${i}`;
          const effect = reader.object(item, at, ['id', 'from', 'to']);
          return {
            id: reader.targetId(effect.get('id'), `${at}.id`),
            from: reader.textOrNull(effect.get('from'), `${at}.from`, MAX_NAME),
            to: reader.textOrNull(effect.get('to'), `${at}.to`, MAX_NAME),
          };
        }),
    },
    reason: reader.textOrNull(answer.get('reason'), 'reason', MAX_TEXT),
  };
  checkAgainstCall(read, call);
  return read;
}

/** An answer must not contradict itself, nor be about something that was not asked. */
function checkAgainstCall(answer: DriverAnswer, call: DriverCall): void {
  const { per_target } = answer.effects;
  const ids = per_target.map(({ id }) => id);
  if (new Set(ids).size !== ids.length) throw new Mismatch('effects.per_target has a target twice');
  if (answer.ok && !ids.includes(call.target))
    throw new Mismatch('effects.per_target does not say what happens to the target');
  if (answer.ok && answer.severity === 'error')
    throw new Mismatch('ok is true and severity is error');
  if (!answer.ok && answer.severity === 'info')
    throw new Mismatch('ok is false and severity is info');
  if (answer.ok && answer.preconditions.some(({ ok }) => !ok) && call.dryRun === false)
    throw new Mismatch('ok is true although a precondition does not hold');
  if (!answer.ok && answer.reason === null) throw new Mismatch('ok is false without a reason');
  const isChange = per_target.some(({ from, to }) => to !== null && from !== to);
  if (answer.ok && isChange && answer.plan.kind === 'none')
    throw new Mismatch('plan.kind is none although a state changes');
  if (answer.plan.kind !== 'none' && answer.plan.preview.length === 0)
    throw new Mismatch('plan.preview is empty');
}

function readPrecondition(value: unknown, at: string, reader: Reader): Precondition {
  const members = reader.object(value, at, ['check', 'ok'], ['details']);
  return {
    check: reader.text(members.get('check'), `${at}.check`, MAX_NAME),
    ok: reader.flag(members.get('ok'), `${at}.ok`),
    details: reader.textOrNull(members.get('details') ?? null, `${at}.details`, MAX_TEXT),
  };
}

function readItem(value: unknown, at: string, reader: Reader): InventoryItem {
  const members = reader.object(value, at, ['id', 'name', 'label', 'labels', 'state'], ['type']);
  const id = reader.targetId(members.get('id'), `${at}.id`);
  const type = parseTargetId(id)?.type ?? '';
  const claimed = members.get('type');
  if (claimed !== undefined && claimed !== type) throw new Mismatch(`${at}.type is not that of id`);
  const labels = reader.members(members.get('labels'), `${at}.labels`);
  if (labels.size > MAX_LABELS) throw new Mismatch(`${at}.labels has too many members`);
  return {
    id,
    type,
    name: reader.text(members.get('name'), `${at}.name`, MAX_NAME),
    label: reader.text(members.get('label'), `${at}.label`, MAX_NAME),
    labels: Object.fromEntries(
      [...labels].map(([name, label]) => [
        reader.text(name, `${at}.labels`, MAX_NAME),
        reader.text(label, `${at}.labels`, MAX_NAME),
      ]),
    ),
    state: reader.textOrNull(members.get('state'), `${at}.state`, MAX_NAME),
  };
}

class Mismatch extends Error {}

class Reader {
  readonly #clean: (text: string) => string;

  constructor(clean: (text: string) => string) {
    this.#clean = clean;
  }

  members(value: unknown, at: string): ReadonlyMap<string, unknown> {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new Mismatch(`${at} is not an object`);
    return new Map<string, unknown>(Object.entries(value));
  }

  object(
    value: unknown,
    at: string,
    required: readonly string[],
    optional: readonly string[] = [],
  ): ReadonlyMap<string, unknown> {
    const members = this.members(value, at);
    for (const name of required) if (!members.has(name)) throw new Mismatch(`${at} lacks ${name}`);
    for (const name of members.keys())
      if (!required.includes(name) && !optional.includes(name))
        throw new Mismatch(`${at} has a member that is not part of the contract`);
    return members;
  }

  list(value: unknown, at: string, most: number): readonly unknown[] {
    if (!Array.isArray(value)) throw new Mismatch(`${at} is not a list`);
    if (value.length > most) throw new Mismatch(`${at} has more than ${most} items`);
    return value;
  }

  text(value: unknown, at: string, most: number): string {
    if (typeof value !== 'string' || !value.isWellFormed())
      throw new Mismatch(`${at} is not a text`);
    if (value.length > most) throw new Mismatch(`${at} is longer than ${most} characters`);
    return this.#clean(value);
  }

  textOrNull(value: unknown, at: string, most: number): string | null {
    return value === null ? null : this.text(value, at, most);
  }

  flag(value: unknown, at: string): boolean {
    if (typeof value !== 'boolean') throw new Mismatch(`${at} is not true or false`);
    return value;
  }

  choice<T extends string>(value: unknown, at: string, choices: readonly T[]): T {
    const found = choices.find((choice) => choice === value);
    if (found === undefined) throw new Mismatch(`${at} is not one of ${choices.join(', ')}`);
    return found;
  }

  targetId(value: unknown, at: string): string {
    if (typeof value !== 'string' || parseTargetId(value) === undefined)
      throw new Mismatch(`${at} is not a canonical target id`);
    return value;
  }

  /** A line of a preview: a text, or an object that is small when written out. */
  json(value: unknown, at: string): JsonValue {
    if (typeof value === 'string') return this.text(value, at, MAX_TEXT);
    let text: string;
    let cleaned: JsonValue;
    try {
      const copy: JsonValue = JSON.parse(JSON.stringify(value));
      text = formatCanonicalJson(copy);
      cleaned = JSON.parse(this.#clean(text));
    } catch {
      throw new Mismatch(`${at} is not JSON of reasonable depth`);
    }
    if (text.length > MAX_TEXT) throw new Mismatch(`${at} is longer than ${MAX_TEXT} characters`);
    return cleaned;
  }
}
