// What the route table is written with.

/** A query parameter or a part of the path. */
export interface Parameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly description: string;
  readonly schema: Readonly<Record<string, unknown>>;
}

/** A successful answer. */
export interface Answer {
  readonly description: string;
  /** Media types; none for an empty body. */
  readonly types: readonly string[];
}

export interface Route {
  readonly method: 'get' | 'post' | 'put';
  /** OpenAPI path template. */
  readonly path: string;
  /** The same for the router. */
  readonly pattern: string;
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  /** Static resources: caches may add a query, which means nothing. Other routes refuse unknown parameters. */
  readonly ignoresQuery?: boolean;
  /** Media types of the request body. */
  readonly body?: readonly string[];
  /** True where the request may come without one. */
  readonly bodyIsOptional?: boolean;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Statuses of problem documents. */
  readonly problems: readonly number[];
}

export const TEXT = 'text/plain; charset=utf-8';
export const JSON_TYPE = 'application/json';
export const BYTES = 'application/octet-stream';
export const COSE = 'application/cose';
export const CBOR_SEQUENCE = 'application/cbor-seq';
/** An opening of a sealed statement (spec/private-villages.md). */
export const OPENING = 'application/vnd.writ.opening+cbor';

export const DECIMAL = { type: 'string', pattern: '^(0|[1-9][0-9]*)$' } as const;
export const inPath = (name: string, description: string, schema: object = DECIMAL): Parameter => {
  return { name, in: 'path', description, schema: { ...schema } };
};
export const inQuery = (name: string, description: string, schema: object = DECIMAL): Parameter => {
  return { name, in: 'query', description, schema: { ...schema } };
};
export const json = (description: string): Answer => ({ description, types: [JSON_TYPE] });
export const text = (description: string): Answer => ({ description, types: [TEXT] });
export const NOT_MODIFIED: Answer = {
  description: 'the ETag of If-None-Match is current',
  types: [],
};
