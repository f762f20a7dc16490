// Vectors of format manifest: the text of a plugin.yaml, and what it says or the first finding that refuses it.

import { utf8 } from '@writ/core/bytes';
import { readManifest } from '@writ/policy/engine/manifest';

/** What an outcome has beside the verdict; `valid` is there where the manifest is refused. */
export function runManifest(input: {
  readonly value: (name: string) => unknown;
}): Readonly<Record<string, unknown>> {
  const { manifest, findings } = readManifest(utf8(String(input.value('yaml'))));
  if (manifest === undefined)
    return { valid: false, code: findings[0]?.code, detail: { path: findings[0]?.path } };
  const { id, capabilities, defaults } = manifest;
  return {
    id,
    capabilities: capabilities.map((capability) => capability.id),
    dry_run_refresh_sla_s: defaults.dry_run_refresh_sla_s,
  };
}
