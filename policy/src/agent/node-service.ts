// A node with everything around it: sources, what senders push, health, and the socket of its operator.

import { randomUUID } from 'node:crypto';
import { chmod, rm } from 'node:fs/promises';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { LogError } from '@writ/core/errors';
import { readEvent } from '../engine/event-schema.ts';
import { type NodeEnv, type NodeSettings, WritNode } from './node.ts';
import { type ControlPort, createControl } from './node-control.ts';
import { CONTROL_SOCKET } from './node-files.ts';
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

  /** Opens a node and starts all of it. Errors as WritNode.open and start; config-invalid for an address in use. */
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
    return join(this.#settings.data, CONTROL_SOCKET);
  }

  async #listen(): Promise<void> {
    const { listen } = this.#settings.config;
    await rm(this.#socket, { force: true });
    await this.#open(this.#control(), { path: this.#socket });
    await chmod(this.#socket, 0o600);
    if (listen !== undefined) await this.#open(createNodeListener(this.#port()), listen);
  }

  #open(server: Server, where: { path: string } | { host: string; port: number }): Promise<void> {
    this.#servers.push(server);
    const name = 'path' in where ? where.path : `${where.host}:${where.port}`;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => {
        const advice = 'see what listens there, or choose another address';
        reject(
          new LogError('config-invalid', `cannot listen at ${name}: ${error.message}; ${advice}`),
        );
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
      fault: (error) => this.#fault(error),
    };
  }

  /** What was pushed counts once, and is answered once it is durable that it came; what it begins goes on. */
  async #take(inbound: Inbound): Promise<object> {
    const works = this.node.ready;
    const isNew = await works.once(inbound.key, async () => {
      if (inbound.kind === 'event') await works.handle(inbound.event, true);
      else
        for (const { subject, samples } of inbound.samples)
          works.intake.observed({ subject, samples });
    });
    return { result: isNew ? 'accepted' : 'duplicate' };
  }

  #control(): Server {
    const port: ControlPort = {
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
      override: async (override) => {
        const recorded = await this.node.ready.overrides.begin(override, nowOf(this.#env));
        this.#env.say('override', { ...override, ...recorded });
        return recorded;
      },
      resume: async () => {
        await this.node.ready.courier.resume();
        this.#env.say('records resumed after an override', {});
        return { resumed: true };
      },
      executions: async (policy, before) =>
        this.node.ready.ledger.index.page(policy, before === undefined ? {} : { before }),
    };
    return createControl(port, (error) => this.#fault(error));
  }

  #fault(error: unknown): void {
    this.#env.say('fault', { error: error instanceof Error ? error.stack : String(error) });
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
