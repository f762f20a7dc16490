// What handlers see of a request and give back: plain values, so that one place builds responses and the
// router's lightweight Response is never left.

import type { IncomingMessage } from 'node:http';
import { parseSafeDecimal } from '@writ/core/bytes';
import type { Context } from 'hono';
import type { BlobStream } from '../blobs/store.ts';
import { invalidRequest } from './errors.ts';
import { JSON_TYPE, type Route, TEXT } from './route-parts.ts';

/** What the app gets beside the Request: Node's own one, unless it is called without a socket. */
export interface AppEnv {
  Bindings: { readonly incoming?: IncomingMessage };
}

/** An answer before it becomes a Response. */
export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | BlobStream | null;
}

/** One request, with its parameters parsed as strictly as the route table says. */
export interface Call {
  readonly c: Context<AppEnv>;
  readonly query: ReadonlyMap<string, string>;
  readonly requestId: string;
}

export type Handler = (call: Call) => Reply | Promise<Reply>;

const NO_QUERY: ReadonlyMap<string, string> = new Map();

/** The path of a request whose own has another spelling. */
export const NO_PATH = '/~';

/** The path as it was sent, without a second spelling: an escape or an empty segment matches no route. */
export function strictPath(
  request: Request,
  options?: { readonly env?: AppEnv['Bindings'] },
): string {
  const path = sentPath(request, options?.env);
  return /^[A-Za-z0-9._~/-]+$/.test(path) && !/\/\/|\/\.\.?(?:\/|$)/.test(path) ? path : NO_PATH;
}

/**
 * The path as it was sent. Node's own request is asked first, since the web Request has resolved dots, escaped dots and
 * backslashes already.
 */
export function sentPath(request: Request, env?: AppEnv['Bindings']): string {
  const sent = env?.incoming?.url;
  return sent?.startsWith('/') === true
    ? pathOf(sent, 0)
    : pathOf(request.url, originEnd(request.url));
}

function originEnd(url: string): number {
  return url.indexOf('/', url.indexOf('://') + 3);
}

function pathOf(url: string, start: number): string {
  const query = url.indexOf('?', start);
  return query < 0 ? url.slice(start) : url.slice(start, query);
}

/** The query parameters of a route. LogError request-invalid for unknown, repeated and malformed ones. */
export function readQuery(c: Context<AppEnv>, route: Route): ReadonlyMap<string, string> {
  const { url } = c.req;
  const at = url.indexOf('?');
  if (at < 0 || route.ignoresQuery === true) return NO_QUERY;
  const query = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(url.slice(at + 1))) {
    const isKnown = route.parameters?.some((row) => row.in === 'query' && row.name === name);
    if (isKnown !== true) throw invalidRequest(name.slice(0, 100), 'no such parameter');
    if (query.has(name)) throw invalidRequest(name, 'given twice');
    query.set(name, value);
  }
  return query;
}

/** A decimal query parameter, or `fallback` when it is missing. LogError request-invalid. */
export function queryNumber(
  query: ReadonlyMap<string, string>,
  name: string,
  fallback: number,
  range: { readonly min: number; readonly max: number },
): number {
  const value = query.get(name);
  if (value === undefined) return fallback;
  const number = parseSafeDecimal(value);
  if (number === undefined || number < range.min || number > range.max)
    throw invalidRequest(name, `expected a decimal from ${range.min} to ${range.max}`);
  return number;
}

/** A decimal part of the path. LogError request-invalid. */
export function pathNumber(c: Context<AppEnv>, name: string): number {
  const number = parseSafeDecimal(c.req.param(name) ?? '');
  if (number === undefined) throw invalidRequest(name, 'expected a decimal without leading zeros');
  return number;
}

export function textReply(body: string | Uint8Array, headers: Record<string, string> = {}): Reply {
  return { status: 200, headers: { 'content-type': TEXT, ...headers }, body };
}

export function jsonReply(value: unknown, headers: Record<string, string> = {}): Reply {
  return {
    status: 200,
    headers: { 'content-type': JSON_TYPE, ...headers },
    body: JSON.stringify(value),
  };
}
