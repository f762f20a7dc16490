// Reading selectors in tests.

import type { Finding } from '@writ/policy/engine/finding';
import type { Selector } from '@writ/policy/engine/policy-spec';
import { type ParsedSelector, parseSelector } from '@writ/policy/engine/selector';
import * as assert from 'uvu/assert';

/** A selector that is well formed. */
export function read(value: string, type = 'vm', mode: Selector['mode'] = 'list'): ParsedSelector {
  const { parsed, findings } = parseSelector({ mode, value }, type);
  if (parsed === undefined) throw new Error(findings[0]?.message);
  return parsed;
}

/** The one finding of a selector that is not. */
export function refusal(
  value: string,
  type = 'vm',
  mode: Selector['mode'] = 'list',
): Finding | undefined {
  const { findings = [] } = parseSelector({ mode, value }, type);
  assert.is(findings.length, 1, value);
  assert.is(findings[0]?.severity, 'blocker');
  return findings[0];
}
