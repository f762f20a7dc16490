// What the HTTP side is built from.

import type { TrustPolicy } from '@writ/core/formats/tlog-policy';
import type { Authors } from '../admission/authors.ts';
import type { Blobs } from '../blobs/store.ts';
import type { Env } from '../env.ts';
import type { Log } from '../log/log.ts';
import type { Publisher } from '../log/publish.ts';
import type { Metrics } from './metrics.ts';
import type { PolicyServices } from './policy-services.ts';

/** `statements`: signed statements of known authors. `raw`: any bytes, a plain tlog-tiles log. */
export type Profile = 'statements' | 'raw';

/** Turned on when the server begins to shut down: readiness is the first to know. */
export interface Lifecycle {
  isStopping: boolean;
}

export interface AppDeps {
  readonly env: Env;
  readonly log: Log;
  /** Shared blobs; undefined: this log keeps none. Openings are with the ledger. */
  readonly blobs?: Pick<Blobs, 'shared'> | undefined;
  /** What answers under /api/; undefined: this log has no policies. */
  readonly policies?: PolicyServices | undefined;
  readonly publisher: Publisher;
  readonly metrics: Metrics;
  readonly profile: Profile;
  /** The authors in force; a reload replaces what it returns. */
  authors(): Authors;
  readonly policy: TrustPolicy;
  /** The policy file as served. */
  readonly policyText: string;
  readonly lifecycle: Lifecycle;
  readonly softwareVersion: string;
}
