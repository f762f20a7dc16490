// writ-verify evidence: makes and checks one offline file for an auditor.

import { isLogError, LogError } from '@writ/core/errors';
import { parseStreamId } from '@writ/core/statements/stream-id';
import { decodeFollowPage, MAX_PAGE_ENTRIES } from '@writ/core/streams/follow-page';
import { decodeStreamProof } from '@writ/core/streams/stream-proof';
import { encodeEvidence, openEvidence, type ShownEvidence } from '../../follow/evidence.ts';
import { pagePath } from '../../follow/follow.ts';
import { VillageReading, type WantedPage } from '../../follow/reading.ts';
import type { Context } from '../context.ts';
import { explainAdmitted, explainFault, followedFacts, policyFacts } from '../explanation.ts';
import { readInput, writeAtomically } from '../inputs.ts';
import { openLog } from '../open-log.ts';
import type { Claim } from '../report.ts';
import { savedFacts } from '../saved-facts.ts';

/** `evidence check FILE` and `evidence make`. */
export async function evidence(context: Context): Promise<Claim> {
  const word = context.operand(0);
  if (word === 'check') return check(context);
  if (word === 'make') return await make(context);
  throw new LogError('usage', `evidence make or evidence check, not evidence ${word}`);
}

function check(context: Context): Claim {
  const wasGiven = context.value('policy') !== undefined;
  const policy = wasGiven ? context.policy() : undefined;
  const file = context.invocation.operands[1];
  if (file === undefined) throw new LogError('usage', 'evidence check FILE');
  const shown = openEvidence(readInput(file, 'evidence'), policy, context.trace);
  const claim = describe(shown);
  const text = wasGiven
    ? claim.text
    : `by the policy in the file, which nothing proves: ${claim.text}`;
  const standing = { ...policyFacts(shown, wasGiven), ...savedFacts(shown) };
  return { text, facts: { ...claim.facts, ...standing } };
}

function describe({ evidence: { village }, followed, about, fault }: ShownEvidence): Claim {
  if (fault !== null) return explainFault(fault, village);
  if (followed === null) throw new LogError('nothing-to-verify', 'the evidence shows nothing');
  if (about !== null) return explainAdmitted(about, followed);
  const what = followed.state === null ? 'there is no village' : 'this is the whole history of';
  return { text: `${what} ${village}`, facts: followedFacts(followed) };
}

/** Collects the whole history of a village from a log, or from follow pages in files. */
async function make(context: Context): Promise<Claim> {
  const out = context.value('out');
  if (out === undefined) throw new LogError('usage', 'evidence make needs --out FILE');
  const policy = context.policy();
  const read = pageSource(context);
  const village = villageOf(context);
  const reading = new VillageReading({ village, policy, trace: context.trace });
  const pages: Uint8Array[] = [];
  for (let want = reading.want; want !== undefined; want = reading.want) {
    const page = await read(want, pages.length);
    pages.push(page);
    reading.add(page);
  }
  const followed = reading.finish();
  const seq = context.number('seq', 0);
  const about = seq === undefined ? null : { stream: `village/${village}`, seq };
  const file = encodeEvidence({
    village,
    about,
    policy: readInput(context.value('policy') ?? '', 'policy'),
    clock: null,
    saved: null,
    pages,
    fault: null,
  });
  // What is handed on has to pass the check that others will make.
  openEvidence(file, policy);
  writeAtomically(out, file);
  const { size, origin } = followed.checkpoint;
  return {
    text: `${out} shows ${seq === undefined ? 'all' : `number ${seq}`} of village/${village} at size ${size} of ${origin}`,
    facts: { file: out, bytes: String(file.length), ...followedFacts(followed) },
  };
}

function villageOf(context: Context): string {
  const [, file] = context.invocation.operands;
  const village = context.value('village') ?? villageIn(file);
  if (parseStreamId(`village/${village}`) === undefined)
    throw new LogError('usage', `--village ${village} is no village id`);
  return village;
}

/** The village of a follow page. */
function villageIn(file: string | undefined): string {
  if (file === undefined || file === '-')
    throw new LogError('usage', 'evidence make needs --village ID, or a follow page in a file');
  try {
    const page = decodeFollowPage(readInput(file, 'follow page'));
    const id = parseStreamId(decodeStreamProof(page.streamProof).stream);
    if (id?.family === 'village') return id.village;
  } catch (error) {
    if (!isLogError(error, 'stream-proof-malformed')) throw error;
  }
  throw new LogError('usage', `${file} is no follow page of a village: give --log and --village`);
}

type PageSource = (want: WantedPage, count: number) => Promise<Uint8Array>;

function pageSource(context: Context): PageSource {
  const where = context.value('log');
  const files = context.invocation.operands.slice(1);
  if (where === undefined)
    return (want, count) => {
      const file = files[count];
      if (file !== undefined) return Promise.resolve(readInput(file, 'follow page'));
      const message = `give the follow page of ${want.stream} from ${want.from}, or --log URL`;
      return Promise.reject(new LogError('nothing-to-verify', message));
    };
  const { source } = openLog(where, context);
  return async (want) => {
    const path = pagePath(want, MAX_PAGE_ENTRIES);
    const page = await source.read(path);
    if (page !== undefined) return page;
    throw new LogError('not-found', `the log does not serve ${path}`, { path });
  };
}
