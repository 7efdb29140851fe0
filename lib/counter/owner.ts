/**
 * The server of the counter's owner: it orders the increments of all nodes.
 *
 * | call | reply |
 * |---|---|
 * | `get` | the total |
 * | `increment` | the total after it; what Elixir callers send, exactly as to the Elixir module |
 * | a batch of a replica (`messages.ts`) | its outcome |
 *
 * An answer must not depend on one node alone. A batch of another node does not: that node keeps the
 * outcome before it answers its clients. A batch of our own node goes to a backup first and is counted
 * after; nobody is shown a total with it before. `increment` goes through our own node's replica.
 *
 * A key must not be counted that another owner has answered. So a batch with keys waits while there is
 * word of another owner whose state is not known yet; those without keys do not.
 */
import {
  atom,
  CallError,
  type CallResult,
  callMessage,
  type From,
  type GenServer,
  isAtom,
  isTuple,
  type Pid,
  type Process,
  ProcessExit,
  type ProcessTable,
  reply,
  type Term,
  tuple,
} from '../distribution/index.ts';
import type { Count } from './count.ts';
import { type BatchRequest, decodeBatch, encodeOutcome, encodeState } from './messages.ts';
import { dayOf } from './session.ts';
import type { BatchOutcome, CounterState, PreparedBatch } from './state.ts';

export interface CounterOwnerOptions {
  readonly processes: ProcessTable;
  readonly state: CounterState;
  /** the session of our own node's replica */
  readonly ownSession: () => string;
  /** counts one for a caller that sends no batches */
  readonly increment: () => Promise<Count>;
  /** keeps a part of the state on another node, if there is one */
  readonly replicate: (state: Term) => Promise<void>;
  /** resolves when what these and other owners answered is known here; `undefined`: it is */
  readonly reconciled: (formerOwners: readonly Pid[]) => Promise<void> | undefined;
  /** the total has grown by what was counted here, from `before` */
  readonly onGrowth: (before: Count) => void;
  /** nothing more is counted here: the process has ended */
  readonly onEnd: () => void;
  /** milliseconds since 1970 */
  readonly now: () => number;
}

export class CounterOwner implements GenServer {
  readonly #options: CounterOwnerOptions;
  /** keys of the batch that is on its way to the backup: others with one of them come after it */
  #reserved: ReadonlySet<string> = new Set();
  /** calls that came with one of those keys */
  #waiting: Term[] = [];
  #underWay: Promise<void> = Promise.resolve();
  #foldedDay = 0;

  constructor(options: CounterOwnerOptions) {
    this.#options = options;
  }

  init(self: Process): void {
    self.signal.addEventListener('abort', this.#options.onEnd, { once: true });
  }

  handleCall(request: Term, from: From, self: Process): CallResult {
    if (isAtom(request, 'get')) return { reply: this.#options.state.total };
    if (isAtom(request, 'increment')) {
      void this.#incrementFor(from, self);
      return { noReply: true };
    }
    const known = isTuple(request) ? decodeBatch(request) : undefined;
    if (known !== undefined) return this.#count(known, request, from, self);
    // A stranger's mistake must not cost the value, so unlike the Elixir module we do not crash.
    return { reply: tuple(atom('error'), tuple(atom('unknown_request'), request)) };
  }

  /** Resolves when no batch is on its way to a backup. */
  suspended(): Promise<void> {
    return this.#underWay;
  }

  #count(
    { batch, formerOwners }: BatchRequest,
    request: Term,
    from: From,
    self: Process,
  ): CallResult {
    const { state, ownSession, now, reconciled, onGrowth } = this.#options;
    const nowMs = now();
    this.#fold(nowMs);
    const repeated = state.repeated(batch, nowMs);
    if (repeated !== undefined) return { reply: encodeOutcome(repeated) };
    if (batch.keys.length > 0) {
      const reconciling = reconciled(formerOwners);
      if (reconciling !== undefined) {
        // Sent to ourselves again: by then we may be handing over, and then it goes to the successor.
        void reconciling.then(() => self.send(self.pid, callMessage(from, request)));
        return { noReply: true };
      }
      if (batch.keys.some((key) => this.#reserved.has(key))) {
        this.#waiting.push(callMessage(from, request));
        return { noReply: true };
      }
    }
    if (batch.session === ownSession()) {
      this.#underWay = this.#countSafely(state.prepare(batch, nowMs), from, self);
      return { noReply: true };
    }
    const before = state.total;
    const outcome = state.count(batch, nowMs);
    onGrowth(before);
    return { reply: encodeOutcome(outcome) };
  }

  async #countSafely(prepared: PreparedBatch, from: From, self: Process): Promise<void> {
    const { state, replicate, onGrowth } = this.#options;
    this.#reserved = new Set(prepared.batch.keys);
    await replicate(encodeState(state.preview(prepared)));
    // Killed meanwhile, as the loser of a conflict: the batch goes to the next owner.
    if (!self.isAlive) return;
    const before = state.total;
    const outcome = state.commit(prepared);
    onGrowth(before);
    const final = finalAnswers(prepared, outcome);
    // The backup has the numbers that the keys would have got at first.
    if (final.length > 0) {
      await replicate(encodeState({ watermarkDay: 0, base: 0, sessions: [], keys: final }));
    }
    this.#answer(from, outcome, self);
    this.#reserved = new Set();
    for (const waiting of this.#waiting.splice(0)) self.send(self.pid, waiting);
  }

  async #incrementFor(from: From, self: Process): Promise<void> {
    try {
      const value = await this.#options.increment();
      reply(this.#options.processes, from, value, self.pid);
    } catch (error) {
      // No answer, as from an owner that has died: the caller's own time-out tells it.
      if (!(error instanceof CallError || error instanceof ProcessExit)) self.crash(error);
    }
  }

  #answer(from: From, outcome: BatchOutcome, self: Process): void {
    reply(this.#options.processes, from, encodeOutcome(outcome), self.pid);
  }

  #fold(nowMs: number): void {
    const today = dayOf(nowMs);
    if (today === this.#foldedDay) return;
    this.#foldedDay = today;
    this.#options.state.foldOld(today);
  }
}

/** The answers for new keys that others have not got as they were prepared. */
function finalAnswers({ batch, newKeys, keyRecords }: PreparedBatch, outcome: BatchOutcome) {
  if (outcome.type !== 'counted') return [];
  return newKeys
    .filter((index) => keyRecords[index]!.value !== outcome.keyRecords[index]!.value)
    .map((index) => [batch.keys[index]!, outcome.keyRecords[index]!] as const);
}
