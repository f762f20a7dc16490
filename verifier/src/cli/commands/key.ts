// writ-verify key: what a vkey or a trust policy says, in words.

import { formatHex, parseUtf8 } from '@writ/core/bytes';
import { isLogError } from '@writ/core/errors';
import { formatVkey, KEY_TYPES, parseVkey, type VerifierKey } from '@writ/core/formats/key';
import { parsePolicy, type TrustPolicy } from '@writ/core/formats/tlog-policy';
import { describeQuorum } from '../../checkpoint.ts';
import type { Context } from '../context.ts';
import { readInput } from '../inputs.ts';
import type { Claim } from '../report.ts';

const VKEY = /^[^\s+]+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+$/;

/** Explains a vkey, a file with one, or a trust policy. */
export async function key(context: Context): Promise<Claim> {
  const operand = context.operand(0);
  if (VKEY.test(operand)) return explainKey(context, operand);
  const bytes = readInput(operand, 'key or policy');
  const text = parseUtf8(bytes)?.trim() ?? '';
  if (VKEY.test(text)) return explainKey(context, text);
  return explainPolicy(context, bytes);
}

function explainKey(context: Context, vkey: string): Claim {
  const parsed = checked(context, 'key', () => parseVkey(vkey));
  context.trace.pass('key', {
    why: 'the key ID belongs to name and key, and the key is of full order',
    got: parsed.id,
  });
  return { text: `a well-formed key: ${roleOf(parsed)}`, facts: keyFacts(parsed) };
}

function explainPolicy(context: Context, bytes: Uint8Array): Claim {
  const policy = checked(context, 'policy', () => parsePolicy(bytes));
  const { logs, witnesses } = policy;
  context.trace.pass('policy', { why: `${logs.length} logs and ${witnesses.size} witnesses` });
  return {
    text: `a well-formed trust policy: a checkpoint of ${namesOf(policy)} counts ${ruleOf(policy)}`,
    facts: {
      quorum: describeQuorum(policy),
      logs: logs.map((log) => ({ ...keyFacts(log.key), url: log.url ?? null })),
      witnesses: [...witnesses.values()].map((witness) => ({
        name: witness.name,
        vkey: formatVkey(witness.key),
        url: witness.url ?? null,
      })),
    },
  };
}

function checked<T>(context: Context, name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (isLogError(error)) context.trace.fail(name, error);
    throw error;
  }
}

function namesOf({ logs }: TrustPolicy): string {
  return logs.length === 0 ? 'no log at all' : logs.map((log) => log.key.name).join(' or ');
}

function ruleOf(policy: TrustPolicy): string {
  return policy.quorum === undefined
    ? 'without any witness, so the log could show different trees to different readers'
    : `when cosigned by ${describeQuorum(policy)}`;
}

function roleOf({ name, type }: VerifierKey): string {
  const { label, isCosignature } = KEY_TYPES[type];
  return `${isCosignature ? 'cosigner' : 'log'} ${name}, ${label}`;
}

function keyFacts(key: VerifierKey): Record<string, string> {
  return {
    name: key.name,
    id: key.id,
    type: KEY_TYPES[key.type].label,
    publicKey: formatHex(key.publicKey),
    vkey: formatVkey(key),
  };
}
