// Selectors: which targets a policy means (spec/selectors.md).

import type { Finding, Severity } from './finding.ts';
import type { InventoryIndex } from './inventory-index.ts';
import type { Resolution } from './policy-ir.ts';
import type { Selector } from './policy-spec.ts';
import { formatPort } from './port.ts';
import { evaluateQuery } from './query-evaluate.ts';
import { SelectorFault } from './selector-fault.ts';
import {
  expandItem,
  formatItem,
  formatItems,
  isRun,
  MAX_EXPANSION,
  type PortRange,
  parseItems,
  type SelectorItem,
} from './selector-items.ts';
import { formatQuery, parseQuery, type Query } from './selector-query.ts';
import { runReadings } from './selector-readings.ts';
import { formatTargetId, TARGET_TYPES } from './target-types.ts';

/** Above this many targets, a destructive verb asks for confirmation. */
export const CONFIRM_ABOVE = 64;
/** Targets that are not there and get a finding each; the rest share one. */
export const MAX_UNRESOLVED_FINDINGS = 32;

/** Where the findings of a selector point. */
export const SELECTOR_PATH = '/targets/selector/value';

export type ParsedSelector =
  | {
      readonly mode: 'list' | 'range';
      readonly targetType: string;
      readonly items: readonly SelectorItem[];
    }
  | { readonly mode: 'query'; readonly targetType: string; readonly query: Query };

export interface ResolveOptions {
  /** True: it is resolved again before every run, so that what is missing now is a warning. */
  readonly isDynamic: boolean;
  /** True when a verb of the policy is destructive. */
  readonly isDestructive?: boolean | undefined;
}

export interface Resolved {
  readonly resolution: Resolution;
  readonly findings: readonly Finding[];
}

/** Reads `selector` for targets of `targetType`. Never throws; what cannot be read is a blocker. */
export function parseSelector(
  selector: Selector,
  targetType: string,
):
  | { readonly parsed: ParsedSelector; readonly findings?: undefined }
  | { readonly parsed?: undefined; readonly findings: readonly Finding[] } {
  if (!TARGET_TYPES.has(targetType)) {
    const message = `there is no target type ${JSON.stringify(targetType.slice(0, 64))}; there are ${[...TARGET_TYPES.keys()].join(', ')}`;
    const finding = findingOf('target-type-unknown', 'blocker', message);
    return { findings: [{ ...finding, stage: 'capability', path: '/targets/target_type' }] };
  }
  try {
    const { mode, value } = selector;
    if (mode === 'query')
      return { parsed: { mode, targetType, query: parseQuery(value, targetType) } };
    return { parsed: { mode, targetType, items: parseItems(value, targetType) } };
  } catch (error) {
    if (!(error instanceof SelectorFault)) throw error;
    return { findings: [findingOf(error.code, 'blocker', error.message)] };
  }
}

/** The canonical text of a selector; reading it gives the same selector. */
export function formatSelector(parsed: ParsedSelector): string {
  return parsed.mode === 'query' ? formatQuery(parsed.query) : formatItems(parsed.items);
}

/**
 * What `parsed` means in `index`: canonical ids, of a list in the order in which it was written, of a query in code
 * point order. Without an index lists are expanded and not checked. No ids where a finding is a blocker that
 * leaves the meaning open.
 */
export function resolve(
  parsed: ParsedSelector,
  index: InventoryIndex | undefined,
  { isDynamic, isDestructive = false }: ResolveOptions,
): Resolved {
  const draft =
    parsed.mode === 'query'
      ? resolveQuery(parsed.query, parsed.targetType, index, isDynamic)
      : resolveItems(parsed.items, parsed.targetType, index, isDynamic);
  const findings = [...draft.findings, ...wholeFindings(draft, index, isDestructive)];
  const { ids, unresolved } = draft;
  const reason = reasonOf(draft, index);
  return { resolution: { ids, unresolved, inventoryMs: index?.timeMs ?? null, reason }, findings };
}

interface Draft {
  readonly ids: readonly string[];
  readonly unresolved: readonly string[];
  readonly findings: readonly Finding[];
}

function resolveQuery(
  query: Query,
  type: string,
  index: InventoryIndex | undefined,
  isDynamic: boolean,
): Draft {
  if (index === undefined) {
    const message = isDynamic
      ? 'no inventory of the host is known yet: the query is resolved when the policy runs'
      : 'a query that is resolved once needs the inventory of the host: refresh it, or set dynamic_resolution';
    const severity = isDynamic ? 'warn' : 'blocker';
    return nothing(findingOf('selector-needs-inventory', severity, message));
  }
  const found = positionsOf(query, type, index);
  if ('code' in found) return nothing(findingOf(found.code, 'blocker', found.message));
  if (found.length > MAX_EXPANSION) return nothing(tooLarge());
  return { ids: found.map((at) => index.items[at]?.id ?? ''), unresolved: [], findings: [] };
}

function positionsOf(
  query: Query,
  type: string,
  index: InventoryIndex,
): readonly number[] | SelectorFault {
  try {
    return evaluateQuery(query, type, index).first(MAX_EXPANSION + 1);
  } catch (error) {
    if (error instanceof SelectorFault) return error;
    throw error;
  }
}

function resolveItems(
  items: readonly SelectorItem[],
  type: string,
  index: InventoryIndex | undefined,
  isDynamic: boolean,
): Draft {
  const runs = items.filter(isRun);
  if (index === undefined && runs.length > 0)
    return nothing(...runs.slice(0, MAX_UNRESOLVED_FINDINGS).map(ambiguous));
  const ids = new Set<string>();
  const missing = new Set<string>();
  for (const item of items) {
    const members = isRun(item) ? runMembers(item, type, index) : expandItem(item, type);
    for (const id of members)
      (index === undefined || index.get(id) !== undefined ? ids : missing).add(id);
    if (ids.size + missing.size > MAX_EXPANSION) return nothing(tooLarge());
  }
  const unresolved = [...missing];
  return { ids: [...ids], unresolved, findings: unresolvedFindings(unresolved, isDynamic) };
}

// Both ends are named, so that an end that is not there is reported and not passed over. What the index has comes in
// its order; an end that it lacks is no target and has no place in it.
function runMembers(
  { from, to }: PortRange,
  type: string,
  index: InventoryIndex | undefined,
): readonly string[] {
  const ends = [from, to].map((port) => formatTargetId(type, formatPort(port)));
  return [...(index?.portRun(type, from, to) ?? []), ...ends];
}

function unresolvedFindings(unresolved: readonly string[], isDynamic: boolean): Finding[] {
  const severity = isDynamic ? 'warn' : 'blocker';
  const consequence = isDynamic
    ? 'it is left out until it appears'
    : 'correct the selector, or set dynamic_resolution';
  const findings = unresolved
    .slice(0, MAX_UNRESOLVED_FINDINGS)
    .map((id) =>
      findingOf('selector-unresolved', severity, `${id} is not in the inventory: ${consequence}`),
    );
  const rest = unresolved.length - findings.length;
  if (rest > 0)
    findings.push(
      findingOf('selector-unresolved', severity, `${rest} more are not in the inventory`),
    );
  return findings;
}

function wholeFindings(
  { ids, findings }: Draft,
  index: InventoryIndex | undefined,
  isDestructive: boolean,
): Finding[] {
  const found: Finding[] = [];
  const isOpen = findings.some(({ code }) => code !== 'selector-unresolved');
  if (ids.length === 0 && !isOpen)
    found.push(findingOf('selector-empty', 'warn', 'the selector means no target at present'));
  if (isDestructive && ids.length > CONFIRM_ABOVE)
    found.push(
      findingOf(
        'selector-confirm',
        'warn',
        `${ids.length} targets for a destructive verb: above ${CONFIRM_ABOVE}, somebody has to confirm that it is meant`,
      ),
    );
  if (index?.stale)
    found.push(
      findingOf(
        'inventory-stale',
        'warn',
        `the inventory is old${index.reason === null ? '' : `: ${index.reason}`}`,
      ),
    );
  if (index === undefined && !isOpen)
    found.push(
      findingOf(
        'selector-unchecked',
        'info',
        'no inventory of the host is known: nobody checked that the targets exist',
      ),
    );
  return found;
}

function reasonOf(
  { ids, unresolved, findings }: Draft,
  index: InventoryIndex | undefined,
): string | null {
  const open = findings.find(({ code }) => code !== 'selector-unresolved');
  if (open !== undefined) return open.message;
  if (index === undefined) return 'not checked against an inventory';
  if (unresolved.length > 0)
    return `${unresolved.length} of ${ids.length + unresolved.length} targets are not in the inventory`;
  return ids.length === 0 ? 'no target of the inventory meets the selector' : null;
}

function nothing(...findings: readonly Finding[]): Draft {
  return { ids: [], unresolved: [], findings };
}

function tooLarge(): Finding {
  const message = `the selector means more than ${MAX_EXPANSION} targets: narrow it down`;
  return findingOf('selector-too-large', 'blocker', message);
}

function ambiguous(item: PortRange): Finding {
  const message = `${formatItem(item)} ${runReadings(item.from, item.to)}`;
  return findingOf('selector-range-ambiguous', 'blocker', message);
}

function findingOf(code: string, severity: Severity, message: string): Finding {
  return { code, severity, stage: 'expand', path: SELECTOR_PATH, message };
}
