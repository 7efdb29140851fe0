/**
 * The counter's state, which any two nodes can bring together without loss: pure, no clock, no network.
 *
 * Every node counts in a {@link sessionId session} of its own. Of each session the state has the number of
 * its last batch and how many increments it counted in all (its *share*); the total is the sum of the
 * shares. Shares only grow, so states merge by taking the greater of each: in any order, and as often as
 * one likes.
 *
 * ```
 * total = base + Σ share            base: the shares of sessions that began before `watermarkDay`
 * ```
 *
 * A batch that is sent again, because nobody knows what became of it, has the number that its session had
 * last: it is answered from the entry and counts nothing.
 *
 * Old sessions are folded into `base`, so that the state stays small over years of deployments. That is
 * exact as long as everybody who folds knows every share it folds, hence only an owner does, and long after
 * a session can have changed: no split may last longer than {@link RETENTION_DAYS}.
 */
import { add, type Count, max, subtract } from './count.ts';
import { Certainty, type KeyRecord, KeyTable } from './key-table.ts';
import { hasBegun, sessionDay } from './session.ts';

/** Sessions that began so many days ago are folded. No split may last longer. */
export const RETENTION_DAYS = 30;

/** What is known of one session. */
export interface SessionEntry {
  /** number of its last batch, from 1 */
  readonly seq: number;
  /** increments counted for it in all */
  readonly share: Count;
  /** how many of them the last batch brought */
  readonly counted: number;
  /** the total right after the last batch, in the order of the owner that counted it */
  readonly value: Count;
}

/** Increments that travel together. */
export interface Batch {
  readonly session: string;
  /** one more than that of the session's batch before; from 1 */
  readonly seq: number;
  /** increments without a key */
  readonly plain: number;
  /** keys of the others, each once */
  readonly keys: readonly string[];
  /** what the session knows of itself: the entry after the batch before */
  readonly confirmed: SessionEntry | undefined;
}

/** What came of a batch. */
export type BatchOutcome =
  | {
      readonly type: 'counted';
      readonly entry: SessionEntry;
      /** the answers for the keys, in their order; those without a key get the first numbers */
      readonly keyRecords: readonly KeyRecord[];
    }
  /** a later batch of this session was counted: nobody waits for this one any more */
  | { readonly type: 'stale' }
  /** the session is so old that it was folded; it has to begin anew, on `day` or later */
  | { readonly type: 'folded'; readonly day: number };

/** A batch that was looked at and not counted yet: see {@link CounterState.prepare}. */
export interface PreparedBatch {
  readonly batch: Batch;
  readonly nowMs: number;
  /** positions in `batch.keys` of those that are new */
  readonly newKeys: readonly number[];
  readonly keyRecords: readonly KeyRecord[];
  /** what the session's entry is going to be, if nothing else is counted before it */
  readonly entry: SessionEntry;
}

/** A state, or a part of one, as plain data. */
export interface CounterSnapshot {
  readonly watermarkDay: number;
  readonly base: Count;
  readonly sessions: readonly (readonly [string, SessionEntry])[];
  readonly keys: readonly (readonly [string, KeyRecord])[];
}

export class CounterState {
  readonly #keys: KeyTable;
  readonly #sessions = new Map<string, SessionEntry>();
  #watermarkDay = 0;
  #base: Count = 0;
  #total: Count = 0;

  constructor(maxKeys?: number) {
    this.#keys = new KeyTable(maxKeys);
  }

  get total(): Count {
    return this.#total;
  }

  get sessions(): number {
    return this.#sessions.size;
  }

  get keys(): number {
    return this.#keys.size;
  }

  entry(session: string): SessionEntry | undefined {
    return this.#sessions.get(session);
  }

  /**
   * Counts a batch, or answers it again.
   *
   * @param nowMs milliseconds since 1970, for the age of keys
   */
  count(batch: Batch, nowMs: number): BatchOutcome {
    return this.repeated(batch, nowMs) ?? this.commit(this.prepare(batch, nowMs));
  }

  /** The answer to a batch that needs no counting: it was counted before, or cannot be any more. */
  repeated(batch: Batch, nowMs: number): BatchOutcome | undefined {
    const entry = this.#sessions.get(batch.session);
    // What is there is not folded.
    if (entry === undefined) {
      return this.#isFolded(batch.session)
        ? { type: 'folded', day: this.#watermarkDay + RETENTION_DAYS }
        : undefined;
    }
    if (entry.seq < batch.seq) return undefined;
    if (entry.seq > batch.seq) return { type: 'stale' };
    const unknown = KeyTable.recordOf(entry.value, nowMs, Certainty.COUNTED);
    const keyRecords = batch.keys.map((key) => this.#keys.get(key, nowMs) ?? unknown);
    return { type: 'counted', entry, keyRecords };
  }

  /**
   * Says what counting the batch comes to, without counting it: for whoever has to keep it safe
   * elsewhere first. To be followed by {@link commit}; until then its keys belong to it.
   */
  prepare(batch: Batch, nowMs: number): PreparedBatch {
    if (batch.confirmed !== undefined) this.#mergeSession(batch.session, batch.confirmed, true);
    const newKeys: number[] = [];
    const keyRecords: KeyRecord[] = [];
    let value = add(this.#total, batch.plain);
    for (const [index, key] of batch.keys.entries()) {
      let record = this.#keys.get(key, nowMs);
      if (record === undefined) {
        value = add(value, 1);
        record = KeyTable.recordOf(value, nowMs, Certainty.PREPARED);
        newKeys.push(index);
      }
      keyRecords.push(record);
    }
    const counted = batch.plain + newKeys.length;
    const share = add(this.#sessions.get(batch.session)?.share ?? 0, counted);
    const entry = { seq: batch.seq, share, counted, value };
    return { batch, nowMs, newKeys, keyRecords, entry };
  }

  /**
   * Counts a prepared batch: the total grows, and the answers are final. What others counted meanwhile
   * comes before it.
   */
  commit(prepared: PreparedBatch): BatchOutcome {
    const { batch, nowMs, newKeys } = prepared;
    const { counted } = prepared.entry;
    const ours = this.#sessions.get(batch.session);
    let entry: SessionEntry;
    if (ours !== undefined && ours.seq >= batch.seq) {
      // A copy of the prepared entry has come back in a merge, which has counted it.
      if (ours.seq > batch.seq) return { type: 'stale' };
      entry = ours;
    } else {
      this.#total = add(this.#total, counted);
      const share = add(ours?.share ?? 0, counted);
      entry = { seq: batch.seq, share, counted, value: this.#total };
      this.#sessions.set(batch.session, entry);
    }
    const keyRecords = [...prepared.keyRecords];
    let value = subtract(entry.value, newKeys.length);
    for (const index of newKeys) {
      const key = batch.keys[index]!;
      value = add(value, 1);
      const known = this.#keys.get(key, nowMs);
      // Answered by another owner, of whom a merge has told meanwhile: there is one answer all the same.
      keyRecords[index] =
        known === undefined || known.certainty === Certainty.PREPARED
          ? this.#keys.set(key, value, nowMs, Certainty.COUNTED)
          : known;
    }
    return { type: 'counted', entry, keyRecords };
  }

  /**
   * Takes in what another node knows.
   *
   * @param renumber set by an owner that gives out numbers: what the merge adds gets numbers of its own,
   *   so that an answer given again later is one that this owner has given to nobody else
   * @returns by how much the total grew
   */
  merge(other: CounterSnapshot, renumber = false): Count {
    const before = this.#total;
    this.fold(other.watermarkDay);
    let base = other.base;
    for (const [session, entry] of other.sessions) {
      if (this.#isFolded(session)) base = add(base, entry.share);
    }
    if (base > this.#base) {
      this.#total = add(this.#total, subtract(base, this.#base));
      this.#base = base;
    }
    for (const [session, entry] of other.sessions) {
      if (!this.#isFolded(session)) this.#mergeSession(session, entry, renumber);
    }
    this.#keys.merge(other.keys);
    return subtract(this.#total, before);
  }

  /**
   * Takes in the answer to a batch of ours, so that it is known here too before anybody hears of it.
   *
   * @returns the numbers to be told for the keys: those of the first answers that we know
   */
  confirm(
    batch: Batch,
    entry: SessionEntry,
    keyRecords: readonly KeyRecord[],
    nowMs: number,
  ): readonly Count[] {
    this.#mergeSession(batch.session, entry, false);
    return keyRecords.map((record, index) => {
      const told = { ...record, certainty: Certainty.TOLD };
      return this.#keys.note(batch.keys[index]!, told, nowMs).value;
    });
  }

  /** Notes what a client is told for a key by an owner that does not know keys. */
  tell(key: string, value: Count, nowMs: number): KeyRecord {
    return this.#keys.set(key, value, nowMs, Certainty.TOLD);
  }

  /** What a client was told for a key, if that is known here. */
  told(key: string, nowMs: number): Count | undefined {
    const record = this.#keys.get(key, nowMs);
    return record?.certainty === Certainty.TOLD ? record.value : undefined;
  }

  /** Notes the greatest value seen from an owner that keeps its count to itself. */
  observe(session: string, value: Count): void {
    this.#mergeSession(session, { seq: 0, share: value, counted: 0, value }, false);
  }

  /** Folds the sessions that began before `day` into the base. The total stays as it is. */
  fold(day: number): void {
    if (day <= this.#watermarkDay) return;
    this.#watermarkDay = day;
    for (const [session, { share }] of this.#sessions) {
      if (!this.#isFolded(session)) continue;
      this.#base = add(this.#base, share);
      this.#sessions.delete(session);
    }
  }

  /**
   * Folds what is older than {@link RETENTION_DAYS}. For owners only, which know every share.
   *
   * @param today counts only as far as there are sessions, so that a clock that is ahead folds nothing alive
   */
  foldOld(today: number): void {
    let newest = 0;
    for (const session of this.#sessions.keys()) {
      const day = sessionDay(session) ?? 0;
      if (hasBegun(day)) newest = Math.max(newest, day);
    }
    this.fold(Math.min(today, newest) - RETENTION_DAYS);
  }

  /** All of it as plain data. */
  snapshot(): CounterSnapshot {
    return {
      watermarkDay: this.#watermarkDay,
      base: this.#base,
      sessions: [...this.#sessions],
      keys: [...this.#keys.entries()],
    };
  }

  /** The part that a prepared batch is going to change, as it is going to be. */
  preview({ batch, entry, newKeys, keyRecords }: PreparedBatch): CounterSnapshot {
    return {
      // Without a claim to anything older, this merges as what it is: one entry.
      watermarkDay: 0,
      base: 0,
      sessions: [[batch.session, entry]],
      keys: newKeys.map((index) => [batch.keys[index]!, keyRecords[index]!] as const),
    };
  }

  #isFolded(session: string): boolean {
    return (sessionDay(session) ?? 0) < this.#watermarkDay;
  }

  /** The later batch wins, the share is the greater one: each a total order, so merging is as well-behaved. */
  #mergeSession(session: string, theirs: SessionEntry, renumber: boolean): void {
    const ours = this.#sessions.get(session);
    if (ours === undefined) {
      if (this.#isFolded(session)) return;
      this.#total = add(this.#total, theirs.share);
      this.#sessions.set(session, renumber ? { ...theirs, value: this.#total } : theirs);
      return;
    }
    const share = max(ours.share, theirs.share);
    const growth = subtract(share, ours.share);
    const last = isLater(theirs, ours) ? theirs : ours;
    if (last === ours && growth === 0) return;
    this.#total = add(this.#total, growth);
    const value = renumber && growth > 0 ? this.#total : last.value;
    this.#sessions.set(session, { seq: last.seq, share, counted: last.counted, value });
  }
}

function isLater(a: SessionEntry, b: SessionEntry): boolean {
  if (a.seq !== b.seq) return a.seq > b.seq;
  return a.value === b.value ? a.counted > b.counted : a.value > b.value;
}
