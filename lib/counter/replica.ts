/**
 * The counter's client on one node. It brings the increments of its node to the owner, wherever that is,
 * and keeps what it is answered.
 *
 * ```
 * increment() ──► pending ──► batch in flight ──► owner
 *                   ▲              │  answered: kept here (and on disk), then the callers are told
 *                   └── the next ◄─┤  the owner is gone: sent again, unchanged, to the next one
 *                                  └  the callers' time is up: they are told, the batch stays
 * ```
 *
 * There is one batch in flight at most; what comes meanwhile forms the next one, with what those bring along
 * who have just been told. So increments at the same time share one exchange, and the owner can tell a batch
 * that it has seen by its number.
 *
 * What a client was told for a key is known here, and told again without asking anybody.
 *
 * An owner that is none of ours, such as the Elixir module's, gets single calls and no retries, since it
 * could not tell; of its count we keep the greatest value that we have seen.
 */
import { type Clock, systemClock } from '../clock.ts';
import {
  atom,
  DEFAULT_CALL_TIMEOUT_MS,
  type Pid,
  ProcessExit,
  type Term,
} from '../distribution/index.ts';
import { add, type Count, subtract } from './count.ts';
import { gathered } from './gathering.ts';
import { decodeOutcome, encodeBatch } from './messages.ts';
import { type Owner, OwnerLookup, type OwnerLookupOptions } from './owner-lookup.ts';
import { dayOf, sessionId } from './session.ts';
import { isGone, SingleCalls, type SingleCallsOptions } from './single-calls.ts';
import type { Batch } from './state.ts';
import {
  badReply,
  type Caller,
  DeadlineTimer,
  hasLeft,
  notCounted,
  unknownOutcome,
  Waiter,
} from './waiter.ts';

export interface CounterCallOptions {
  /** for the whole call, waiting for an owner included; default {@link DEFAULT_CALL_TIMEOUT_MS} */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface IncrementOptions extends CounterCallOptions {
  /** counts once in ten minutes; further increments with it get the first one's answer */
  readonly key?: string | undefined;
  /** asked before the increment is on its way: for one who has gone none is counted */
  readonly caller?: Caller | undefined;
}

export interface ReplicaOptions
  extends Omit<OwnerLookupOptions, 'clock' | 'onRegistered'>,
    Omit<SingleCallsOptions, 'clock' | 'now' | 'onGone'> {
  readonly nodeName: string;
  readonly clock?: Clock;
  /** milliseconds since 1970 */
  readonly now?: () => number;
  /** tells this start from every other */
  readonly nonce: () => string;
}

interface Flight {
  readonly batch: Batch;
  readonly waiters: readonly Waiter[];
}

const GET = atom('get');

export class CounterReplica {
  readonly #options: ReplicaOptions;
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #owners: OwnerLookup;
  readonly #singly: SingleCalls;
  readonly #timer: DeadlineTimer;
  /** our clock's day when the session began */
  #day = -1;
  /** the owners' day, should our clock be far behind theirs */
  #leastDay = 0;
  #session = '';
  #seq = 0;
  #pending: Waiter[] = [];
  #flight: Flight | undefined;
  #driving = false;
  /** the call that carries the batch in flight */
  #call: { readonly owner: Pid; readonly abort: AbortController } | undefined;
  /** for the next call, unless it has been used */
  #abort = new AbortController();

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#now = options.now ?? Date.now;
    this.#timer = new DeadlineTimer(this.#clock, () => this.#expire());
    this.#owners = new OwnerLookup({
      ...options,
      clock: this.#clock,
      // The old owner may be there still; what it has not answered the new one will.
      onRegistered: (pid) => {
        if (this.#call !== undefined && !this.#call.owner.equals(pid)) this.#call.abort.abort();
      },
    });
    this.#singly = new SingleCalls({
      ...options,
      clock: this.#clock,
      now: this.#now,
      onGone: (owner) => this.#owners.gone(owner),
    });
    this.#renewSession();
  }

  /** The session in which this node counts now. */
  get session(): string {
    return this.#session;
  }

  /** Starts to look for an owner; what came before waits until then. */
  open(): void {
    this.#owners.open();
    if (this.#pending.length > 0 || this.#flight !== undefined) this.#drive();
  }

  /** Ends: whoever still waits gets `noproc`, or `timeout` if the increment may count. */
  close(): void {
    this.#call?.abort.abort();
    this.#owners.close();
    for (const waiter of this.#pending.splice(0)) waiter.fail(notCounted());
    for (const waiter of this.#flight?.waiters ?? []) waiter.fail(unknownOutcome());
    this.#armTimer();
  }

  /** Resolves when nothing waits for an answer. */
  async settled(timeoutMs: number): Promise<void> {
    const deadlineMs = this.#clock.now() + timeoutMs;
    while (this.#driving && this.#clock.now() < deadlineMs) await this.#owners.woken(deadlineMs);
  }

  /** @throws {CallError} as {@link increment}, and whenever it does, asking again is harmless */
  async get(options: CounterCallOptions = {}): Promise<Count> {
    const deadlineMs = this.#deadline(options);
    try {
      for (;;) {
        const owner = await this.#owners.find(deadlineMs, options.signal);
        if (owner === undefined) throw notCounted();
        const count = await this.#read(owner, deadlineMs, options.signal);
        if (count !== undefined) return count;
      }
    } catch (error) {
      // The node stops: there is no owner to be asked any more.
      throw error instanceof ProcessExit ? notCounted() : error;
    }
  }

  /** @returns `undefined` when the owner turns out to have ended */
  async #read(
    owner: Owner,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Count | undefined> {
    try {
      return await this.#singly.ask(owner, GET, deadlineMs, signal);
    } catch (error) {
      if (!isGone(error)) throw error;
      this.#owners.gone(owner.pid);
      return undefined;
    }
  }

  /**
   * Adds one.
   *
   * @returns the total after it
   * @throws {CallError} `noproc` when nobody owned the counter in time (nothing was counted);
   *   `timeout`, `noconnection` or `exit` when it is unknown whether it was counted; `bad_reply`
   *   when the owner answered something else than expected; the signal's reason when aborted
   */
  increment(options: IncrementOptions = {}): Promise<Count> {
    const { key, signal, caller } = options;
    if (signal?.aborted) return Promise.reject(signal.reason);
    const told = key === undefined ? undefined : this.#options.state.told(key, this.#now());
    if (told !== undefined) return this.#tellAgain(told);
    const deadlineMs = this.#deadline(options);
    const waiter = new Waiter(key, deadlineMs, caller);
    if (signal !== undefined) waiter.endWith(signal, () => this.#giveUp(waiter));
    this.#pending.push(waiter);
    this.#timer.notLaterThan(deadlineMs);
    this.#drive();
    return waiter.answer;
  }

  /** What was told first may still be on its way to the disk. */
  async #tellAgain(value: Count): Promise<Count> {
    await this.#options.flush?.();
    return value;
  }

  /** Sees to it that what waits is brought to the owners. */
  #drive(): void {
    if (this.#driving) {
      this.#owners.wake();
      return;
    }
    if (!this.#owners.isOpen) return;
    this.#driving = true;
    this.#run().then(
      () => {
        this.#stopDriving();
        // One that has come since the last look found us driving still.
        if (this.#flight !== undefined || this.#pending.length > 0) this.#drive();
      },
      (error: unknown) => {
        this.#stopDriving();
        this.#failAll(error);
      },
    );
  }

  #stopDriving(): void {
    this.#driving = false;
    this.#owners.wake();
  }

  async #run(): Promise<void> {
    // All increments of this turn share the exchange.
    await gathered(this.#countPending);
    while (this.#flight !== undefined || this.#hasPending()) {
      const owner = await this.#owners.find();
      if (owner === undefined) return;
      // There may have been none for long: by now nobody may wait any more.
      if (!this.#hasPending() && this.#flight === undefined) return;
      if (owner.batches) {
        await this.#exchange(owner.pid);
        // Who has just been told is answered in this turn, and asks again in the next.
        if (this.#flight === undefined && this.#pending.length > 0) {
          await gathered(this.#countPending, 2);
        }
      } else if (this.#pending.length > 0) await this.#sendSingly(owner);
      // What a batch came to only an owner of ours can tell.
      else await this.#owners.woken();
    }
  }

  readonly #countPending = (): number => this.#pending.length;

  /** Whether anybody waits; what nobody waits for any more is not sent. */
  #hasPending(): boolean {
    const pending = this.#pending;
    if (pending.some(({ isGone }) => isGone)) {
      this.#pending = pending.filter(({ isGone }) => !isGone);
      for (const waiter of pending) if (waiter.isGone) waiter.fail(hasLeft());
    }
    return this.#pending.length > 0;
  }

  async #sendSingly(owner: Owner): Promise<void> {
    const unsent = await this.#singly.increment(owner, this.#pending.splice(0));
    this.#pending.push(...unsent.filter(({ settled }) => !settled));
    this.#armTimer();
  }

  async #exchange(owner: Pid): Promise<void> {
    this.#flight ??= this.#makeFlight();
    const flight = this.#flight;
    const { batch } = flight;
    const formerOwners = batch.keys.length === 0 ? [] : this.#owners.formerOwners(owner);
    // One serves for many calls: it takes as long to make as the rest of a call.
    if (this.#abort.signal.aborted) this.#abort = new AbortController();
    const abort = this.#abort;
    this.#call = { owner, abort };
    let answer: Term;
    try {
      answer = await this.#options.client.call(owner, encodeBatch({ batch, formerOwners }), {
        timeoutMs: Number.POSITIVE_INFINITY,
        signal: abort.signal,
      });
    } catch (error) {
      if (abort.signal.aborted) return;
      if (!isGone(error)) throw error;
      this.#owners.gone(owner);
      return;
    } finally {
      this.#call = undefined;
    }
    this.#owners.reconciled(formerOwners);
    await this.#answered(flight, answer);
  }

  async #answered(flight: Flight, answer: Term): Promise<void> {
    const outcome = decodeOutcome(answer);
    this.#flight = undefined;
    if (outcome?.type === 'folded') {
      // Older than anybody remembers: it counts as a new one.
      this.#leastDay = outcome.day;
      this.#renewSession();
      this.#flight = this.#makeFlight(flight.waiters);
      return;
    }
    const { batch, waiters } = flight;
    if (outcome?.type !== 'counted' || outcome.keyRecords.length !== batch.keys.length) {
      for (const waiter of waiters) waiter.fail(badReply());
      return;
    }
    const { entry, keyRecords } = outcome;
    const keyValues = this.#options.state.confirm(batch, entry, keyRecords, this.#now());
    try {
      await this.#options.flush?.();
    } catch (error) {
      for (const waiter of waiters) waiter.fail(error);
      return;
    }
    let value = subtract(entry.value, entry.counted);
    const byKey = new Map<string, Count>();
    for (let at = 0; at < batch.keys.length; at += 1) byKey.set(batch.keys[at]!, keyValues[at]!);
    for (const waiter of waiters) {
      if (waiter.key === undefined) {
        value = add(value, 1);
        waiter.succeed(value);
      } else waiter.succeed(byKey.get(waiter.key)!);
    }
    this.#armTimer();
  }

  #makeFlight(waiters: readonly Waiter[] = this.#pending.splice(0)): Flight {
    if (dayOf(this.#now()) !== this.#day) this.#renewSession();
    this.#seq += 1;
    const keys = new Set<string>();
    let plain = 0;
    for (const { key } of waiters) {
      if (key === undefined) plain += 1;
      else keys.add(key);
    }
    const batch = {
      session: this.#session,
      seq: this.#seq,
      plain,
      keys: [...keys],
      confirmed: this.#options.state.entry(this.#session),
    };
    return { batch, waiters };
  }

  #renewSession(): void {
    this.#day = dayOf(this.#now());
    const day = Math.max(this.#day, this.#leastDay);
    this.#session = sessionId(this.#options.nodeName, day, this.#options.nonce());
    this.#seq = 0;
  }

  // --- those who wait ---------------------------------------------------------------------------

  #deadline({ timeoutMs = DEFAULT_CALL_TIMEOUT_MS }: CounterCallOptions): number {
    return this.#clock.now() + timeoutMs;
  }

  /** One caller waits no longer; what has not been sent is not going to be. */
  #giveUp(waiter: Waiter): void {
    const at = this.#pending.indexOf(waiter);
    if (at >= 0) this.#pending.splice(at, 1);
    waiter.fail(waiter.signal?.reason);
    this.#armTimer();
  }

  #failAll(error: unknown): void {
    // Of ours the node's processes end last: then nobody can be told anything else.
    const failure = error instanceof ProcessExit ? notCounted() : error;
    const waiters = [...this.#pending.splice(0), ...(this.#flight?.waiters ?? [])];
    for (const waiter of waiters) waiter.fail(failure);
    this.#armTimer();
  }

  #armTimer(): void {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#pending) dueMs = Math.min(dueMs, deadlineMs);
    for (const { deadlineMs, settled } of this.#flight?.waiters ?? []) {
      if (!settled) dueMs = Math.min(dueMs, deadlineMs);
    }
    this.#timer.set(dueMs);
  }

  #expire(): void {
    const nowMs = this.#clock.now();
    const isDue = ({ deadlineMs }: Waiter): boolean => deadlineMs <= nowMs;
    for (const waiter of this.#flight?.waiters ?? []) {
      if (isDue(waiter)) waiter.fail(unknownOutcome());
    }
    const due = this.#pending.filter(isDue);
    this.#pending = this.#pending.filter((waiter) => !isDue(waiter));
    for (const waiter of due) waiter.fail(notCounted());
    this.#armTimer();
  }
}
