// The OpenAPI 3.1 description, generated from the route table.

import { PROBLEM_TYPE } from './errors.ts';
import type { Answer, Parameter, Route } from './route-parts.ts';
import { ROUTES } from './routes.ts';

type Json = Readonly<Record<string, unknown>>;

const PROBLEM_SCHEMA: Json = {
  type: 'object',
  required: ['type', 'title', 'status', 'detail'],
  properties: {
    type: { type: 'string', pattern: '^urn:writ:error:' },
    title: { type: 'string' },
    status: { type: 'integer' },
    detail: { type: 'string' },
    instance: { type: 'string', description: 'the request id' },
    field: { type: 'string' },
    line: { type: 'integer' },
    offset: { type: 'integer' },
  },
};

/** The document that `/openapi.json` serves. */
export function openApiDocument(softwareVersion: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [operation, route] of Object.entries(ROUTES)) {
    paths[route.path] = { ...paths[route.path], [route.method]: operationOf(operation, route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Writ log',
      version: softwareVersion,
      description: 'An append-only transparency log. Static reads follow C2SP tlog-tiles.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: { schemas: { Problem: PROBLEM_SCHEMA } },
  };
}

function operationOf(operationId: string, route: Route): Json {
  const responses: Record<string, Json> = {};
  for (const [status, answer] of Object.entries(route.answers))
    responses[status] = answerOf(answer);
  for (const status of route.problems) responses[status] ??= problemOf(status);
  return {
    operationId,
    summary: route.summary,
    ...(route.parameters === undefined ? {} : { parameters: route.parameters.map(parameterOf) }),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: { required: route.bodyIsOptional !== true, content: contentOf(route.body) },
        }),
    responses,
  };
}

function parameterOf(parameter: Parameter): Json {
  return { ...parameter, required: parameter.in === 'path' };
}

function answerOf({ description, types }: Answer): Json {
  return types.length === 0 ? { description } : { description, content: contentOf(types) };
}

function contentOf(types: readonly string[]): Json {
  return Object.fromEntries(types.map((type) => [type, { schema: schemaOf(type) }]));
}

function schemaOf(type: string): Json {
  if (type === PROBLEM_TYPE) return { $ref: '#/components/schemas/Problem' };
  if (type === 'application/json') return { type: 'object' };
  return type.startsWith('text/') ? { type: 'string' } : {};
}

function problemOf(status: number): Json {
  return { description: `a problem with status ${status}`, content: contentOf([PROBLEM_TYPE]) };
}
