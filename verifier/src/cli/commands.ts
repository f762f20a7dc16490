// The commands of writ-verify: what they are called, what they take, and the file that runs each.

import type { CommandSpec } from './args.ts';
import type { Command } from './context.ts';
import type { OptionSpec } from './words.ts';

const POLICY: OptionSpec = {
  name: 'policy',
  short: 'p',
  value: 'FILE',
  about: 'trust policy (C2SP tlog-policy): which logs and witnesses to believe',
};
const MAX_AGE: OptionSpec = {
  name: 'max-age',
  value: 'SECONDS',
  about: 'refuse a checkpoint that a quorum has not cosigned within this time',
};
const ONLINE: OptionSpec = { name: 'online', about: 'allow this command to use the network' };
const LOG: OptionSpec = { name: 'log', value: 'DIR|URL', about: 'where the tiles of the log are' };
const EVIDENCE: OptionSpec = {
  name: 'evidence',
  value: 'FILE',
  about: 'where to write the evidence if the log turns out to have forked or lied',
};

/** Options of every command. */
export const COMMON_OPTIONS: readonly OptionSpec[] = [
  { name: 'json', about: 'print one JSON object, the same on success and failure' },
  { name: 'explain', about: 'print every step, with every hash' },
  { name: 'quiet', short: 'q', about: 'print nothing: the exit code is the answer' },
  { name: 'help', short: 'h', about: 'print this help' },
  { name: 'version', short: 'v', about: 'print the version' },
];

/** A command and how to load it: none pays for the code of another. */
export interface CommandRow extends CommandSpec {
  load(): Promise<Command>;
}

export const COMMANDS: readonly CommandRow[] = [
  {
    name: 'proof',
    operands: '<file>',
    about: 'Verify a .tlog-proof file and the entry it is about',
    options: [
      POLICY,
      { name: 'entry', short: 'e', value: 'FILE', about: 'the entry, byte for byte' },
      MAX_AGE,
    ],
    examples: ['writ-verify proof a.tlog-proof --policy trust.policy --entry a.bin'],
    load: async () => (await import('./commands/proof.ts')).proof,
  },
  {
    name: 'entry',
    operands: '<index|file>',
    about: 'Verify one entry of a log, given by its index or its bytes',
    options: [
      POLICY,
      LOG,
      { name: 'index', value: 'N', about: 'index of the entry in a file, if it is known' },
      { name: 'out', short: 'o', value: 'FILE', about: 'write the proof as a .tlog-proof file' },
      { name: 'statement', about: 'decode the entry as a statement and print it' },
      { name: 'author', value: 'KEY', about: 'check the statement against this author key' },
      MAX_AGE,
      ONLINE,
    ],
    examples: ['writ-verify entry 17 --log ./mirror --policy trust.policy --statement'],
    load: async () => (await import('./commands/entry.ts')).entry,
  },
  {
    name: 'stream',
    operands: '<file> [...next]',
    about: 'Verify .stream-proof files: all statements of a stream, or that there is none',
    options: [
      POLICY,
      { name: 'stream', value: 'ID', about: 'the stream that the files have to be about' },
      { name: 'expect', value: 'WHAT', about: 'fail unless present, absent or complete' },
      EVIDENCE,
      MAX_AGE,
    ],
    examples: [
      'writ-verify stream north-grid.stream-proof --policy trust.policy --expect complete',
      'writ-verify stream page1.stream-proof page2.stream-proof --policy trust.policy',
    ],
    load: async () => (await import('./commands/stream.ts')).stream,
  },
  {
    name: 'checkpoint',
    operands: '<file|dir|url>',
    about: 'Verify the signatures on a checkpoint',
    options: [POLICY, MAX_AGE, ONLINE],
    examples: ['writ-verify checkpoint ./mirror --policy trust.policy --max-age 3600'],
    load: async () => (await import('./commands/checkpoint.ts')).checkpoint,
  },
  {
    name: 'consistency',
    operands: '<old> <new>',
    about: 'Verify that one checkpoint continues another',
    options: [
      POLICY,
      LOG,
      { name: 'proof', value: 'FILE', about: 'consistency proof: one base64 hash a line' },
      EVIDENCE,
      MAX_AGE,
      ONLINE,
    ],
    examples: ['writ-verify consistency old.txt new.txt --log ./mirror --policy trust.policy'],
    load: async () => (await import('./commands/consistency.ts')).consistency,
  },
  {
    name: 'log',
    operands: '<dir|url>',
    about: 'Audit a whole log: every entry, every tile, every checkpoint',
    options: [
      POLICY,
      { name: 'state', value: 'FILE', about: 'remember how far the audit came, and go on there' },
      {
        name: 'profile',
        value: 'NAME',
        about: 'statements: check streams and state roots too; raw: do not; auto: look (auto)',
      },
      { name: 'jobs', short: 'j', value: 'N', about: 'threads for a log in a folder (2)' },
      EVIDENCE,
      MAX_AGE,
      ONLINE,
    ],
    examples: [
      'writ-verify log ./mirror --policy trust.policy',
      'writ-verify log https://log.example/ --online --state audit.json --policy trust.policy',
    ],
    load: async () => (await import('./commands/log.ts')).log,
  },
  {
    name: 'key',
    operands: '<vkey|file>',
    about: 'Explain a verifier key or a trust policy',
    options: [],
    examples: ['writ-verify key trust.policy'],
    load: async () => (await import('./commands/key.ts')).key,
  },
  {
    name: 'fork',
    operands: '<file>',
    about: 'Verify a fork proof: a log key signed two trees that cannot both be true',
    options: [POLICY],
    examples: ['writ-verify fork fork-1b2c3d4e.fork-proof --policy trust.policy'],
    load: async () => (await import('./commands/fork.ts')).fork,
  },
  {
    name: 'fault',
    operands: '<file>',
    about: 'Verify a state root fault: a log published a tree with a wrong state root',
    options: [POLICY, LOG, ONLINE],
    examples: [
      'writ-verify fault log-1b2c3d4e-811.state-root-fault --log ./mirror --policy trust.policy',
    ],
    load: async () => (await import('./commands/fault.ts')).fault,
  },
  {
    name: 'explain',
    operands: '<file>',
    about: 'Explain a statement of a village: who made it, which rule admitted it, what it did',
    options: [
      POLICY,
      { name: 'seq', value: 'N', about: 'number of the statement; by default the newest' },
      MAX_AGE,
    ],
    examples: ['writ-verify explain north-grid.evidence --policy trust.policy --seq 4'],
    load: async () => (await import('./commands/explain.ts')).explain,
  },
  {
    name: 'evidence',
    operands: '<make|check> [file] [inbox]',
    about: 'Make or check one offline file that shows what a village decided, or what a log did',
    options: [
      POLICY,
      LOG,
      { name: 'village', value: 'ID', about: 'the village to collect from the log' },
      { name: 'seq', value: 'N', about: 'number of the statement that the file is about' },
      { name: 'out', short: 'o', value: 'FILE', about: 'where to write the evidence' },
      ONLINE,
    ],
    examples: [
      'writ-verify evidence make --log https://log.example/ --online --village north-grid --seq 4 --policy trust.policy --out a.evidence',
      'writ-verify evidence check a.evidence --policy trust.policy',
    ],
    load: async () => (await import('./commands/evidence.ts')).evidence,
  },
  {
    name: 'report',
    operands: '<file>',
    about: 'Verify what a node reported about its copy of a village and the log',
    options: [
      { name: 'key', value: 'VKEY|FILE', about: 'the key of the node that reported' },
      { name: 'pages', value: 'DIR', about: 'the files that the report names, to compare' },
    ],
    examples: ['writ-verify report evidence/report.note --key node.vkey --pages evidence'],
    load: async () => (await import('./commands/report.ts')).report,
  },
];
