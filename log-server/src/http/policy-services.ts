// What the routes under /api/ are built on: the projection, the connections of nodes, and what is kept beside the log.

import { LogError } from '@writ/core/errors';
import type { BlobStore, Blobs } from '../blobs/store.ts';
import type { Env } from '../env.ts';
import type { Projection } from '../projections/projection.ts';
import { HostInventories } from './host-inventories.ts';
import { NodeChannel } from './node-channel.ts';
import { Manifests } from './policy-manifests.ts';
import { VillageTurns } from './policy-turns.ts';

/** How long an answer waits for the projection. */
const MAX_BEHIND_MS = 2000;

export interface PolicyServices {
  readonly projection: Projection;
  /** Transcripts of dry runs by their digest. */
  readonly transcripts: BlobStore;
  readonly manifests: Manifests;
  readonly inventories: HostInventories;
  readonly nodes: NodeChannel;
  readonly turns: VillageTurns;
}

export interface PolicyServiceParts {
  readonly env: Env;
  readonly projection: Projection;
  readonly transcripts: BlobStore;
  readonly blobs: Pick<Blobs, 'shared'> | undefined;
}

export function createPolicyServices(parts: PolicyServiceParts): PolicyServices {
  const { env, projection, transcripts, blobs } = parts;
  return {
    projection,
    transcripts,
    manifests: new Manifests(blobs?.shared),
    inventories: new HostInventories(),
    nodes: new NodeChannel(env),
    turns: new VillageTurns(),
  };
}

/** Resolves when the rows are those of the first `size` entries. LogError overloaded when that takes too long. */
export async function caughtUp(
  env: Pick<Env, 'sleep'>,
  { projection }: Pick<PolicyServices, 'projection'>,
  size: number,
): Promise<void> {
  if (projection.size >= size) return;
  const over = new AbortController();
  const late = env.sleep(MAX_BEHIND_MS, over.signal).then(() => {
    if (over.signal.aborted) return;
    const message = `the rows of ${projection.size} of ${size} entries are made: try again later`;
    throw new LogError('overloaded', message, { retryAfterSeconds: 1 });
  });
  try {
    await Promise.race([projection.reach(size), late]);
  } finally {
    over.abort();
  }
}
