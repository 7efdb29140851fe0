/**
 * What the nodes of a cluster tell each other about the counter, as terms:
 *
 * ```
 * batch    {increment_batch, Session, Seq, Plain, [Key], none | Entry}
 * answer   {ok, Entry, [{Value, ExpiresAt}]} | {error, stale} | {error, {folded, Day}}
 * state    {counter_state, 1, WatermarkDay, Base, [{Session, Entry}], [{Key, Value, ExpiresAt}]}
 * Entry    {Seq, Share, Counted, Value}
 * ```
 *
 * Sessions and keys are binaries, all else are integers. A decoder answers `undefined` to anything else.
 */
import { atom, isAtom, isTuple, type Term, Tuple, tuple } from '../distribution/index.ts';
import { type Count, isCount } from './count.ts';
import type { KeyRecord } from './key-table.ts';
import type { Batch, BatchOutcome, CounterSnapshot, SessionEntry } from './state.ts';

const INCREMENT_BATCH = atom('increment_batch');
const COUNTER_STATE = atom('counter_state');
const NONE = atom('none');
const OK = atom('ok');
const ERROR = atom('error');
const STATE_VERSION = 1;

/** The request to count a batch. */
export function encodeBatch({ session, seq, plain, keys, confirmed }: Batch): Tuple {
  const entry = confirmed === undefined ? NONE : encodeEntry(confirmed);
  return tuple(INCREMENT_BATCH, encodeText(session), seq, plain, keys.map(encodeText), entry);
}

/** Reads {@link encodeBatch}. */
export function decodeBatch(term: Term): Batch | undefined {
  if (!isTuple(term, 6, 'increment_batch')) return undefined;
  const [, sessionTerm, seq, plain, keyTerms, entryTerm] = term.elements;
  const session = decodeText(sessionTerm);
  const keys = decodeList(keyTerms, decodeText);
  const confirmed = isAtom(entryTerm, 'none') ? undefined : decodeEntry(entryTerm);
  if (session === undefined || keys === undefined || !isNatural(seq) || !isNatural(plain)) {
    return undefined;
  }
  if (confirmed === undefined && !isAtom(entryTerm, 'none')) return undefined;
  return { session, seq, plain, keys, confirmed };
}

/** The answer to a batch. */
export function encodeOutcome(outcome: BatchOutcome): Tuple {
  if (outcome.type === 'stale') return tuple(ERROR, atom('stale'));
  if (outcome.type === 'folded') return tuple(ERROR, tuple(atom('folded'), outcome.day));
  const { entry, keyRecords } = outcome;
  const records = keyRecords.map(({ value, expiresAt }) => tuple(value, expiresAt));
  return tuple(OK, encodeEntry(entry), records);
}

/** Reads {@link encodeOutcome}. */
export function decodeOutcome(term: Term): BatchOutcome | undefined {
  if (isTuple(term, 2, 'error')) {
    const reason = term.elements[1];
    if (isAtom(reason, 'stale')) return { type: 'stale' };
    const day = isTuple(reason, 2, 'folded') ? reason.elements[1] : undefined;
    return isNatural(day) ? { type: 'folded', day } : undefined;
  }
  if (!isTuple(term, 3, 'ok')) return undefined;
  const entry = decodeEntry(term.elements[1]);
  const keyRecords = decodeList(term.elements[2], decodeRecord);
  if (entry === undefined || keyRecords === undefined) return undefined;
  return { type: 'counted', entry, keyRecords };
}

/** A state, whole or in part. */
export function encodeState({ watermarkDay, base, sessions, keys }: CounterSnapshot): Tuple {
  return tuple(
    COUNTER_STATE,
    STATE_VERSION,
    watermarkDay,
    base,
    sessions.map(([session, entry]) => tuple(encodeText(session), encodeEntry(entry))),
    keys.map(([key, { value, expiresAt }]) => tuple(encodeText(key), value, expiresAt)),
  );
}

/** Reads {@link encodeState}. */
export function decodeState(term: Term): CounterSnapshot | undefined {
  if (!isTuple(term, 6, 'counter_state')) return undefined;
  const [, version, watermarkDay, base, sessionTerms, keyTerms] = term.elements;
  const sessions = decodeList(sessionTerms, decodeSession);
  const keys = decodeList(keyTerms, decodeKey);
  if (version !== STATE_VERSION || !isNatural(watermarkDay) || !isCount(base)) return undefined;
  if (sessions === undefined || keys === undefined) return undefined;
  return { watermarkDay, base, sessions, keys };
}

function encodeEntry({ seq, share, counted, value }: SessionEntry): Tuple {
  return new Tuple([seq, share, counted, value]);
}

function decodeEntry(term: Term | undefined): SessionEntry | undefined {
  if (!isTuple(term, 4)) return undefined;
  const [seq, share, counted, value] = term.elements;
  if (!isNatural(seq) || !isNatural(counted) || !isCount(share) || !isCount(value)) {
    return undefined;
  }
  return { seq, share, counted, value };
}

function decodeRecord(term: Term): KeyRecord | undefined {
  return isTuple(term, 2) ? record(term.elements[0], term.elements[1]) : undefined;
}

function decodeSession(term: Term): readonly [string, SessionEntry] | undefined {
  if (!isTuple(term, 2)) return undefined;
  const session = decodeText(term.elements[0]);
  const entry = decodeEntry(term.elements[1]);
  return session === undefined || entry === undefined ? undefined : [session, entry];
}

function decodeKey(term: Term): readonly [string, KeyRecord] | undefined {
  if (!isTuple(term, 3)) return undefined;
  const key = decodeText(term.elements[0]);
  const known = record(term.elements[1], term.elements[2]);
  return key === undefined || known === undefined ? undefined : [key, known];
}

function record(value: Term | undefined, expiresAt: Term | undefined): KeyRecord | undefined {
  return isCount(value) && isNatural(expiresAt) ? { value: value as Count, expiresAt } : undefined;
}

function encodeText(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

function decodeText(term: Term | undefined): string | undefined {
  return term instanceof Uint8Array ? Buffer.from(term).toString('utf8') : undefined;
}

function decodeList<T>(
  term: Term | undefined,
  decode: (element: Term) => T | undefined,
): readonly T[] | undefined {
  if (!Array.isArray(term)) return undefined;
  const decoded: T[] = [];
  for (const element of term as readonly Term[]) {
    const value = decode(element);
    if (value === undefined) return undefined;
    decoded.push(value);
  }
  return decoded;
}

function isNatural(term: Term | undefined): term is number {
  return typeof term === 'number' && Number.isSafeInteger(term) && term >= 0;
}
