// The routes of streams and villages: part of the table in routes.ts.

import { FOLLOW_PAGE_TYPE } from '@writ/core/streams/follow-page';
import { STREAM_PROOF_TYPE } from '@writ/core/streams/stream-proof';
import { inPath, inQuery, json, NOT_MODIFIED, OPENING, type Route } from './route-parts.ts';

export type StreamOperation = 'stream' | 'streamHead' | 'streamFollow';
export type VillageOperation =
  | 'villageLatest'
  | 'villageUpdates'
  | 'villagePolicy'
  | 'villageMembers'
  | 'villageQuarantine'
  | 'villageDenials'
  | 'villageAudit'
  | 'villageOpening';

const STREAM = inPath('stream', 'stream id; it may hold slashes', { type: 'string' });
const VILLAGE = inPath('village', 'village id', {
  type: 'string',
  pattern: '^[a-zA-Z0-9_-]{1,64}$',
});
const PAGE = [
  inQuery('since', 'seq or id of the last statement that the reader has', { type: 'string' }),
  inQuery('limit', 'statements on a page, 1 to 500'),
] as const;
const PROBLEMS = [400, 404, 429, 500] as const;

export const streamRoutes: Readonly<Record<StreamOperation, Route>> = {
  streamHead: {
    method: 'get',
    path: '/streams/{stream}/head',
    pattern: '/streams/:stream{.+}/head',
    summary: 'where a stream stands now: what the next statement has to continue',
    parameters: [STREAM],
    answers: { 200: json('seq, id and index of the newest statement') },
    problems: PROBLEMS,
  },
  streamFollow: {
    method: 'get',
    path: '/streams/{stream}/follow',
    pattern: '/streams/:stream{.+}/follow',
    summary: 'a page for a reader that follows the stream: proof, places in the log, growth',
    parameters: [
      STREAM,
      inQuery('from', 'seq of the first statement'),
      inQuery('limit', 'statements on a page, 1 to 500'),
      inQuery('since', 'size of the tree that the reader knows; 0 for none'),
    ],
    answers: {
      200: { description: 'a follow page (spec/follow.md)', types: [FOLLOW_PAGE_TYPE] },
    },
    problems: PROBLEMS,
  },
  stream: {
    method: 'get',
    path: '/streams/{stream}',
    // Everything but .../head and .../follow, which are other routes.
    pattern: '/streams/:stream{(?:(?!/(?:head|follow)$).)+}',
    summary:
      'the statements of a stream with the proof that none is left out, or that there is no such stream',
    parameters: [
      STREAM,
      inQuery('from', 'seq of the first statement, or head for the newest alone', {
        type: 'string',
      }),
      inQuery('limit', 'statements on a page, 1 to 500'),
    ],
    answers: {
      200: { description: 'a stream proof (spec/stream-proof.md)', types: [STREAM_PROOF_TYPE] },
    },
    problems: PROBLEMS,
  },
};

const village = (path: string, summary: string, more: Partial<Route> = {}): Route => ({
  method: 'get',
  path: `/villages/{village}/${path}`,
  pattern: `/villages/:village/${path.replace(/\{(\w+)\}/g, ':$1')}`,
  summary,
  answers: { 200: json('facts, and the stream proof they follow from in base64') },
  problems: PROBLEMS,
  ...more,
  parameters: [VILLAGE, ...(more.parameters ?? [])],
});

export const villageRoutes: Readonly<Record<VillageOperation, Route>> = {
  villageLatest: village('policy/latest', 'the policies in force, and the proof of the head', {
    answers: {
      200: json('head, policies and proof; the weak ETag is the id of the head'),
      304: NOT_MODIFIED,
    },
  }),
  villageUpdates: village(
    'policy/updates',
    'what the village decided since a statement, oldest first',
    { parameters: PAGE },
  ),
  villagePolicy: village('policies/{digest}', 'a Policy Spec by its digest', {
    parameters: [inPath('digest', 'SHA-256 in hex', { type: 'string', pattern: '^[0-9a-f]{64}$' })],
  }),
  villageMembers: village('members', 'the members and their keys under the constitution in force'),
  villageQuarantine: village(
    'quarantine',
    'what outsiders have proposed, and what the village said so far',
  ),
  villageDenials: village(
    'denials',
    'statements that the log refused, where the constitution has them recorded',
    { parameters: PAGE },
  ),
  villageOpening: village(
    'openings/{statement}',
    'the opening of a sealed statement of a private village, for members',
    {
      parameters: [
        inPath('statement', 'statement id', { type: 'string', pattern: '^[0-9a-f]{64}$' }),
      ],
      answers: {
        200: { description: 'an opening (spec/private-villages.md)', types: [OPENING] },
      },
    },
  ),
  villageAudit: village(
    'audit',
    'the statements of the village, oldest first, with a signed digest of the page',
    {
      parameters: [
        inQuery('format', 'json (default) or csv', { type: 'string', enum: ['json', 'csv'] }),
        ...PAGE,
      ],
      answers: {
        200: {
          description:
            'the rows, and the next page in next (JSON) and the header link; the signed digest is in x-writ-digest and x-writ-signature',
          types: ['application/json', 'text/csv; charset=utf-8'],
        },
      },
    },
  ),
};
