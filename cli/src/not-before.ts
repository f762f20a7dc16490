// The options with which an author asks for a later activation.

import type { NotBefore } from '@writ/core/statements/kinds/village';
import type { Context } from './context.ts';

/** What --not-before and --not-before-entry say. LogError usage. */
export function notBeforeOf(context: Context): { readonly notBefore?: NotBefore } {
  const timeSeconds = context.number('not-before', 0) ?? null;
  const index = context.number('not-before-entry', 0) ?? null;
  return timeSeconds === null && index === null ? {} : { notBefore: { timeSeconds, index } };
}
