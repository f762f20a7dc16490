// Runs a vector of selectors: what one means in an inventory that is resolved anew before every run.

import { InventoryIndex } from '@writ/policy/engine/inventory-index';
import { formatSelector, parseSelector, resolve } from '@writ/policy/engine/selector';

interface Input {
  text(name: string): string;
  textLists(name: string): string[][];
}

/** Canonical text, ids and what is missing; the code of the finding where the selector is not accepted. */
export function runSelector(input: Input): Readonly<Record<string, unknown>> {
  const mode = input.text('mode');
  if (mode !== 'list' && mode !== 'range' && mode !== 'query') throw new TypeError('mode');
  const targetType = input.text('target_type');
  const { parsed, findings: refusals } = parseSelector(
    { mode, value: input.text('value') },
    targetType,
  );
  if (parsed === undefined) return { valid: false, code: refusals[0]?.code };
  const rows = input.textLists('inventory');
  const { resolution, findings } = resolve(parsed, rows.length === 0 ? undefined : indexOf(rows), {
    // A query without an inventory can only wait where it is resolved again.
    isDynamic: mode !== 'query' || rows.length > 0,
  });
  const refusal = findings.find(({ severity }) => severity === 'blocker');
  if (refusal !== undefined) return { valid: false, code: refusal.code };
  const canonical = formatSelector(parsed);
  const again = parseSelector({ mode, value: canonical }, targetType).parsed;
  if (JSON.stringify(again) !== JSON.stringify(parsed))
    throw new Error('the canonical text reads differently');
  return { canonical, ids: resolution.ids, unresolved: resolution.unresolved };
}

function indexOf(rows: readonly (readonly string[])[]): InventoryIndex {
  const items = rows.map(([id = '', name = '', ...pairs]) => {
    const labels = Object.fromEntries(pairs.map((pair) => pair.split('=', 2)));
    return { id, type: id.split(':', 1)[0] ?? '', name, label: id, labels, state: null };
  });
  return InventoryIndex.build({ items, timeMs: 0, stale: false, reason: null });
}
