/**
 * What the nodes of a cluster tell each other about the counter, as terms:
 *
 * ```
 * batch    {increment_batch, Session, Seq, Plain, [Key], none | Entry, [Pid]}
 * answer   {ok, Entry, [{Value, ExpiresAt, Certainty}]} | {error, stale} | {error, {folded, Day}}
 * state    {counter_state, 2, WatermarkDay, Base, [{Session, Entry}], [{Key, Value, ExpiresAt, Certainty}]}
 * Entry    {Seq, Share, Counted, Value}
 * ```
 *
 * Sessions and keys are binaries, all else are integers. The pids are owners that the sender had before the
 * one it asks. A decoder answers `undefined` to anything else.
 */
import { atom, isAtom, isTuple, Pid, type Term, Tuple, tuple } from '../distribution/index.ts';
import { type Count, isCount } from './count.ts';
import { isCertainty, type KeyRecord } from './key-table.ts';
import type { Batch, BatchOutcome, CounterSnapshot, SessionEntry } from './state.ts';

const INCREMENT_BATCH = atom('increment_batch');
const COUNTER_STATE = atom('counter_state');
const NONE = atom('none');
const OK = atom('ok');
const ERROR = atom('error');
const STATE_VERSION = 2;

/** A batch on its way to an owner. */
export interface BatchRequest {
  readonly batch: Batch;
  /** owners before this one: what they answered for a key, this one has to know first */
  readonly formerOwners: readonly Pid[];
}

/** The request to count a batch. */
export function encodeBatch({ batch, formerOwners }: BatchRequest): Tuple {
  const { session, seq, plain, keys, confirmed } = batch;
  const entry = confirmed === undefined ? NONE : encodeEntry(confirmed);
  return new Tuple([
    ...[INCREMENT_BATCH, encodeText(session), seq, plain, keys.map(encodeText), entry],
    formerOwners,
  ]);
}

/** Reads {@link encodeBatch}. */
export function decodeBatch(term: Term): BatchRequest | undefined {
  if (!isTuple(term, 7, 'increment_batch')) return undefined;
  const [, sessionTerm, seq, plain, keyTerms, entryTerm, ownerTerms] = term.elements;
  const session = decodeText(sessionTerm);
  const keys = decodeList(keyTerms, decodeText);
  const formerOwners = decodeList(ownerTerms, decodePid);
  const confirmed = isAtom(entryTerm, 'none') ? undefined : decodeEntry(entryTerm);
  if (session === undefined || keys === undefined || !isNatural(seq) || !isNatural(plain)) {
    return undefined;
  }
  if (formerOwners === undefined) return undefined;
  if (confirmed === undefined && !isAtom(entryTerm, 'none')) return undefined;
  return { batch: { session, seq, plain, keys, confirmed }, formerOwners };
}

/** The answer to a batch. */
export function encodeOutcome(outcome: BatchOutcome): Tuple {
  if (outcome.type === 'stale') return tuple(ERROR, atom('stale'));
  if (outcome.type === 'folded') return tuple(ERROR, tuple(atom('folded'), outcome.day));
  const { entry, keyRecords } = outcome;
  return tuple(OK, encodeEntry(entry), keyRecords.map(encodeRecord));
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
    keys.map(([key, { value, expiresAt, certainty }]) =>
      tuple(encodeText(key), value, expiresAt, certainty),
    ),
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

function encodeRecord({ value, expiresAt, certainty }: KeyRecord): Tuple {
  return tuple(value, expiresAt, certainty);
}

function decodeRecord(term: Term): KeyRecord | undefined {
  return isTuple(term, 3) ? record(term.elements) : undefined;
}

function decodeSession(term: Term): readonly [string, SessionEntry] | undefined {
  if (!isTuple(term, 2)) return undefined;
  const session = decodeText(term.elements[0]);
  const entry = decodeEntry(term.elements[1]);
  return session === undefined || entry === undefined ? undefined : [session, entry];
}

function decodeKey(term: Term): readonly [string, KeyRecord] | undefined {
  if (!isTuple(term, 4)) return undefined;
  const key = decodeText(term.elements[0]);
  const known = record(term.elements.slice(1));
  return key === undefined || known === undefined ? undefined : [key, known];
}

function record([value, expiresAt, certainty]: readonly Term[]): KeyRecord | undefined {
  if (!isCount(value) || !isNatural(expiresAt) || !isCertainty(certainty)) return undefined;
  return { value: value as Count, expiresAt, certainty };
}

function decodePid(term: Term): Pid | undefined {
  return term instanceof Pid ? term : undefined;
}

function encodeText(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}

function decodeText(term: Term | undefined): string | undefined {
  return term instanceof Uint8Array
    ? Buffer.prototype.utf8Slice.call(term, 0, term.length)
    : undefined;
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
