// The records database of a node (spec/node.md section 8): opened before anything is put in force, because what
// selectors meant is in it.

import { join } from 'node:path';
import { LogError } from '@writ/core/errors';
import { Level } from 'level';
import { Journal } from './journal.ts';
import type { NodeEnv, NodeSettings } from './node.ts';
import { Outbox } from './outbox.ts';
import { StaticResolutions } from './static-resolutions.ts';

export class NodeRecords {
  readonly journal: Journal;
  readonly resolutions: StaticResolutions;
  readonly db: Level<string, Uint8Array>;
  readonly #env: NodeEnv;
  readonly #settings: NodeSettings;

  private constructor(
    db: Level<string, Uint8Array>,
    journal: Journal,
    resolutions: StaticResolutions,
    env: NodeEnv,
    settings: NodeSettings,
  ) {
    this.db = db;
    this.journal = journal;
    this.resolutions = resolutions;
    this.#env = env;
    this.#settings = settings;
  }

  /** Opens `records` in the folder of the node. LogError storage-failed, storage-locked, storage-corrupt. */
  static async open(env: NodeEnv, settings: NodeSettings): Promise<NodeRecords> {
    const path = join(settings.data, 'records');
    const db = new Level<string, Uint8Array>(path, { valueEncoding: 'view' });
    try {
      await db.open();
    } catch (error) {
      throw openingError(path, error);
    }
    try {
      const journal = new Journal(db);
      const { village, node } = settings.config;
      const resolutions = await StaticResolutions.open(journal, `n/${village}/${node}/`);
      return new NodeRecords(db, journal, resolutions, env, settings);
    } catch (error) {
      await db.close();
      throw error;
    }
  }

  /** The stream of the node; `isPrivate`: its village is, so its records are sealed. */
  outbox(isPrivate: boolean): Outbox {
    const { config, key } = this.#settings;
    return new Outbox(this.journal, {
      village: config.village,
      node: config.node,
      issuer: config.node,
      signer: { publicKey: key.publicKey, sign: (message) => key.signRaw(message) },
      isPrivate,
      random: this.#env.randomBytes,
    });
  }

  close(): Promise<void> {
    return this.db.close();
  }
}

function openingError(path: string, error: unknown): LogError {
  const reason = error instanceof Error ? String(error.cause ?? error) : String(error);
  if (/LOCK/i.test(reason))
    return new LogError(
      'storage-locked',
      `another process uses ${path}: stop it first`,
      { path },
      error,
    );
  const advice = 'see that there is room, and that the folder belongs to the user of the node';
  return new LogError(
    'storage-failed',
    `cannot open ${path}: ${reason}; ${advice}`,
    { path },
    error,
  );
}
