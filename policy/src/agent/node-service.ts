// A node with everything around it: sources, what senders push, health, and the socket of its operator.

import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { isLogError, LogError } from '@writ/core/errors';
import { readEvent } from '../engine/event-schema.ts';
import { type NodeEnv, type NodeSettings, WritNode } from './node.ts';
import { createControl, type Override } from './node-control.ts';
import { createNodeListener, type ListenerPort } from './node-listener.ts';
import { metricsOf, readinessOf, statusOf } from './node-status.ts';
import { nowOf } from './node-works.ts';
import { type Inbound, readInbound, type Sender } from './sources/inbound.ts';
import { openLineSocket } from './sources/line-socket.ts';
import { NutSource } from './sources/nut.ts';
import { PrometheusSource } from './sources/prometheus.ts';
import type { Source, SourceSink } from './sources/source.ts';

export interface ServiceSettings extends NodeSettings {
  readonly senders: readonly Sender[];
  /** Passwords of upsd servers, in the order of the configuration; undefined where there is none. */
  readonly nutPasswords: readonly (string | undefined)[];
}

export class NodeService {
  readonly node: WritNode;
  readonly sources: readonly Source[];
  readonly #env: NodeEnv;
  readonly #settings: ServiceSettings;
  readonly #servers: Server[] = [];

  private constructor(env: NodeEnv, settings: ServiceSettings, node: WritNode) {
    this.#env = env;
    this.#settings = settings;
    this.node = node;
    this.sources = this.#sourcesOf();
  }

  /** Opens a node and starts all of it. Errors as WritNode.open and start; storage-failed for an address in use. */
  static async start(env: NodeEnv, settings: ServiceSettings): Promise<NodeService> {
    const node = await WritNode.open(env, settings, () => {
      for (const source of service.sources) source.start();
    });
    const service: NodeService = new NodeService(env, settings, node);
    try {
      await service.#listen();
      await node.start();
    } catch (error) {
      await service.stop();
      throw error;
    }
    return service;
  }

  async stop(): Promise<void> {
    for (const server of this.#servers) {
      server.close();
      server.closeAllConnections();
    }
    for (const source of this.sources) await source.stop();
    await this.node.stop();
    await rm(this.#socket, { force: true });
  }

  get #socket(): string {
    return join(this.#settings.data, 'control.sock');
  }

  async #listen(): Promise<void> {
    const { listen } = this.#settings.config;
    await rm(this.#socket, { force: true });
    await this.#open(this.#control(), { path: this.#socket });
    if (listen !== undefined) await this.#open(createNodeListener(this.#port()), listen);
  }

  #open(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
    this.#servers.push(server);
    const name = 'path' in where ? where.path : `${where.host}:${where.port}`;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => {
        reject(new LogError('storage-failed', `cannot listen at ${name}: ${error.message}`));
      });
      server.listen(where, resolve);
    });
  }

  #port(): ListenerPort {
    const senders = new Map(this.#settings.senders.map((sender) => [sender.name, sender]));
    return {
      checks: () => readinessOf(this.node),
      status: () => statusOf(this.node, this.sources),
      metrics: metricsOf(this.node),
      inbound: async (target, headers, body) => {
        const now = this.#env.nowSeconds();
        return this.#take(readInbound(target, senders, headers, body, now));
      },
      fault: (error) => this.#env.say('fault', { error: String(error) }),
    };
  }

  /** What was pushed. An event is answered once it is decided; its actions go on. */
  async #take(inbound: Inbound): Promise<object> {
    const { works } = this.node;
    if (works === undefined) throw new LogError('overloaded', 'the node has no verified state yet');
    if (inbound.kind === 'samples') {
      for (const { subject, samples } of inbound.samples)
        works.intake.observed({ subject, samples });
      return { taken: inbound.samples.length };
    }
    const handled = await this.node.handle(inbound.event, true);
    return { result: handled.kind, reason: handled.reason, policies: handled.runs.length };
  }

  #control(): Server {
    return createControl({
      status: () => statusOf(this.node, this.sources),
      pull: async () => {
        const { report } = await this.node.pull();
        return report;
      },
      event: async (document) => {
        const base = { correlation_id: randomUUID(), ts: new Date(this.#env.now()).toISOString() };
        const given = typeof document === 'object' && document !== null ? document : {};
        return this.node.handle(readEvent({ ...base, ...given }), true);
      },
      override: (override) => this.#override(override),
      executions: async (policy, before) => {
        const { works } = this.node;
        if (works === undefined) throw new LogError('overloaded', 'no verified state yet');
        return works.ledger.index.page(policy, before === undefined ? {} : { before });
      },
    });
  }

  /** Break-glass: the record is durable before it holds. */
  async #override({ scope, policy, operator, reason, untilSeconds }: Override): Promise<object> {
    const { works } = this.node;
    if (works === undefined) throw new LogError('overloaded', 'no verified state yet');
    const now = nowOf(this.#env);
    const record = {
      kind: 'policy-override',
      scope,
      policy,
      operator,
      reason,
      untilSeconds,
    } as const;
    const appended = await works.outbox.record({ ...record, timeMs: Math.floor(now.wallMs) }, now);
    if (appended.kind === 'refused')
      throw new LogError('overloaded', `the override cannot be recorded: ${appended.code}`);
    if (scope === 'state-staleness') works.engine.allowStale({ untilSeconds });
    else
      for (const { id } of this.#settings.config.hosts)
        works.inventories.setOverride(id, {
          host_id: id,
          reason,
          by: operator,
          from_ms: now.wallMs,
          until_ms: untilSeconds * 1000,
        });
    this.#env.say('override', { scope, operator, reason, untilSeconds });
    return { seq: appended.seq, id: appended.id };
  }

  #sourcesOf(): Source[] {
    const { config, nutPasswords } = this.#settings;
    const sink: SourceSink = {
      observed: (seen) => this.node.works?.intake.observed(seen),
      lost: (subject, reason) => this.node.works?.intake.lost(subject, reason),
    };
    const nut = config.nut.map(
      ({ host, port, ups, user, poll }, i) =>
        new NutSource(this.#env, sink, {
          ...{ host, port, ups, user, password: nutPasswords[i], pollMs: poll * 1000 },
          connect: openLineSocket,
        }),
    );
    const prometheus = config.prometheus.map(
      ({ url, queries, poll }) =>
        new PrometheusSource(this.#env, sink, {
          ...{ url, queries, pollMs: poll * 1000 },
          fetch: this.#env.fetch,
        }),
    );
    return [...nut, ...prometheus];
  }
}

/** True for what stops a start and is the operator's to mend. */
export function isSurroundings(error: unknown): boolean {
  return isLogError(error, 'storage-failed') || isLogError(error, 'storage-locked');
}
