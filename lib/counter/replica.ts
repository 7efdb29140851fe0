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
 * There is one batch in flight at most; what comes meanwhile forms the next one. So increments at the
 * same time share one exchange, and the owner can tell a batch that it has seen by its number.
 *
 * An owner that is none of ours, such as the Elixir module's, gets single calls and no retries, since it
 * could not tell; of its count we keep the greatest value that we have seen.
 */
import { type Clock, systemClock } from '../clock.ts';
import {
  type Atom,
  atom,
  CallError,
  DEFAULT_CALL_TIMEOUT_MS,
  type GenServerClient,
  type GlobalNames,
  isAtom,
  type Pid,
  ProcessExit,
  type Term,
} from '../distribution/index.ts';
import { add, type Count, isCount, subtract } from './count.ts';
import type { KeyRecord } from './key-table.ts';
import { decodeOutcome, encodeBatch } from './messages.ts';
import { dayOf, foreignSession, sessionId } from './session.ts';
import type { Batch, CounterState, SessionEntry } from './state.ts';

export interface CounterCallOptions {
  /** for the whole call, waiting for an owner included; default {@link DEFAULT_CALL_TIMEOUT_MS} */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface IncrementOptions extends CounterCallOptions {
  /** counts once in ten minutes; further increments with it get the first one's answer */
  readonly key?: string | undefined;
}

export interface ReplicaOptions {
  readonly nodeName: string;
  readonly counterName: Atom;
  readonly state: CounterState;
  readonly client: Pick<GenServerClient, 'call'>;
  readonly global: Pick<GlobalNames, 'whereisName' | 'onNameEvent'>;
  /** whether a process understands batches; `undefined` when that cannot be found out now */
  readonly understandsBatches: (owner: Pid) => Promise<boolean | undefined>;
  /** puts the state on disk before the callers are told */
  readonly flush?: (() => Promise<void>) | undefined;
  readonly clock?: Clock;
  /** milliseconds since 1970 */
  readonly now?: () => number;
  /** tells this start from every other */
  readonly nonce: () => string;
}

interface Waiter {
  readonly key: string | undefined;
  readonly deadlineMs: number;
  readonly resolve: (value: Count) => void;
  readonly reject: (error: unknown) => void;
  readonly signal: AbortSignal | undefined;
  onAbort: (() => void) | undefined;
  /** it has been told */
  settled: boolean;
}

interface Flight {
  readonly batch: Batch;
  readonly request: Term;
  readonly waiters: readonly Waiter[];
}

const GET = atom('get');
const INCREMENT = atom('increment');

export class CounterReplica {
  readonly #options: ReplicaOptions;
  readonly #clock: Clock;
  readonly #now: () => number;
  readonly #wakers = new Set<() => void>();
  #unsubscribe: (() => void) | undefined;
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
  /** an owner that is known to have ended, until the name changes */
  #gone: Pid | undefined;
  #timer: { readonly dueMs: number; readonly cancel: () => void } | undefined;

  constructor(options: ReplicaOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#now = options.now ?? Date.now;
    this.#renewSession();
  }

  /** The session in which this node counts now. */
  get session(): string {
    return this.#session;
  }

  /** Starts to look for an owner; what came before waits until then. */
  open(): void {
    const { global, counterName } = this.#options;
    this.#unsubscribe ??= global.onNameEvent(({ type, name, pid }) => {
      if (!isAtom(name, counterName.name) || type === 'conflict') return;
      if (type === 'registered') {
        this.#gone = undefined;
        // The old owner may be there still; what it has not answered the new one will.
        if (this.#call !== undefined && !this.#call.owner.equals(pid)) this.#call.abort.abort();
      }
      this.#wakeAll();
    });
    if (this.#pending.length > 0 || this.#flight !== undefined) this.#drive();
  }

  /** Ends: whoever still waits gets `noproc`, or `timeout` if the increment may count. */
  close(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#call?.abort.abort();
    this.#wakeAll();
    for (const waiter of this.#pending.splice(0)) this.#fail(waiter, notCounted());
    for (const waiter of this.#flight?.waiters ?? []) this.#fail(waiter, unknownOutcome());
    this.#armTimer();
  }

  /** Resolves when nothing waits for an answer. */
  async settled(timeoutMs: number): Promise<void> {
    const deadlineMs = this.#clock.now() + timeoutMs;
    while (this.#driving && this.#clock.now() < deadlineMs) await this.#woken(deadlineMs);
  }

  /** @throws {CallError} as {@link increment}, and whenever it does, asking again is harmless */
  async get(options: CounterCallOptions = {}): Promise<Count> {
    const deadlineMs = this.#deadline(options);
    for (;;) {
      const owner = await this.#owner(deadlineMs, options.signal);
      if (owner === undefined) throw notCounted();
      try {
        return await this.#ask(owner, GET, deadlineMs, options.signal);
      } catch (error) {
        if (!isGone(error)) throw error;
        this.#gone = owner.pid;
      }
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
    return new Promise((resolve, reject) => {
      const { key, signal } = options;
      signal?.throwIfAborted();
      const deadlineMs = this.#deadline(options);
      const waiter: Waiter = {
        ...{ key, deadlineMs, resolve, reject, signal },
        onAbort: undefined,
        settled: false,
      };
      if (signal !== undefined) {
        waiter.onAbort = () => this.#giveUp(waiter, signal.reason);
        signal.addEventListener('abort', waiter.onAbort);
      }
      this.#pending.push(waiter);
      if (this.#timer === undefined || deadlineMs < this.#timer.dueMs) this.#armTimer();
      this.#drive();
    });
  }

  /** In a turn of its own, so that all increments of this turn share the exchange. */
  #drive(): void {
    if (this.#driving) {
      this.#wakeAll();
      return;
    }
    if (this.#unsubscribe === undefined) return;
    this.#driving = true;
    setImmediate(() => {
      this.#run().then(
        () => this.#stopDriving(),
        (error: unknown) => {
          this.#stopDriving();
          this.#failAll(error);
        },
      );
    });
  }

  #stopDriving(): void {
    this.#driving = false;
    this.#wakeAll();
  }

  async #run(): Promise<void> {
    while (this.#flight !== undefined || this.#pending.length > 0) {
      const owner = await this.#owner();
      if (owner === undefined) return;
      if (owner.batches) await this.#exchange(owner.pid);
      else if (this.#pending.length > 0) await this.#sendSingly(owner);
      // What a batch came to only an owner of ours can tell.
      else await this.#woken();
    }
  }

  async #exchange(owner: Pid): Promise<void> {
    this.#flight ??= this.#makeFlight();
    const flight = this.#flight;
    const abort = new AbortController();
    this.#call = { owner, abort };
    let answer: Term;
    try {
      answer = await this.#options.client.call(owner, flight.request, {
        timeoutMs: Number.POSITIVE_INFINITY,
        signal: abort.signal,
      });
    } catch (error) {
      if (abort.signal.aborted) return;
      if (!isGone(error)) throw error;
      this.#gone = owner;
      return;
    } finally {
      this.#call = undefined;
    }
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
    if (outcome?.type !== 'counted' || outcome.keyRecords.length !== flight.batch.keys.length) {
      for (const waiter of flight.waiters) this.#fail(waiter, badReply());
      return;
    }
    const { entry, keyRecords } = outcome;
    this.#options.state.confirm(flight.batch, entry, keyRecords);
    try {
      await this.#options.flush?.();
    } catch (error) {
      for (const waiter of flight.waiters) this.#fail(waiter, error);
      return;
    }
    this.#tell(flight, entry, keyRecords);
  }

  #tell({ batch, waiters }: Flight, entry: SessionEntry, keyRecords: readonly KeyRecord[]): void {
    let value = subtract(entry.value, entry.counted);
    const byKey = new Map(batch.keys.map((key, index) => [key, keyRecords[index]!.value]));
    for (const waiter of waiters) {
      if (waiter.key === undefined) {
        value = add(value, 1);
        this.#succeed(waiter, value);
      } else this.#succeed(waiter, byKey.get(waiter.key)!);
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
    return { batch, request: encodeBatch(batch), waiters };
  }

  #renewSession(): void {
    this.#day = dayOf(this.#now());
    const day = Math.max(this.#day, this.#leastDay);
    this.#session = sessionId(this.#options.nodeName, day, this.#options.nonce());
    this.#seq = 0;
  }

  // --- an owner that is none of ours -------------------------------------------------------------

  async #sendSingly(owner: Owner): Promise<void> {
    const waiters = this.#pending.splice(0);
    await Promise.all(waiters.map((waiter) => this.#sendOne(owner, waiter)));
    this.#armTimer();
  }

  async #sendOne(owner: Owner, waiter: Waiter): Promise<void> {
    try {
      this.#succeed(waiter, await this.#ask(owner, INCREMENT, waiter.deadlineMs, waiter.signal));
    } catch (error) {
      if (error instanceof CallError && error.code === 'noproc') {
        // It was gone before the request arrived, so asking the next one is safe.
        this.#gone = owner.pid;
        if (!waiter.settled) this.#pending.push(waiter);
        return;
      }
      if (isGone(error)) this.#gone = owner.pid;
      this.#fail(waiter, error);
    }
  }

  /** One plain call; what it tells of a stranger's count is kept. */
  async #ask(
    owner: Owner,
    request: Term,
    deadlineMs: number,
    signal: AbortSignal | undefined,
  ): Promise<Count> {
    const { client, state } = this.#options;
    const timeoutMs = Math.max(1, deadlineMs - this.#clock.now());
    const options = signal === undefined ? { timeoutMs } : { timeoutMs, signal };
    const value = await client.call(owner.pid, request, options);
    if (!isCount(value)) throw badReply();
    if (!owner.batches) {
      state.observe(foreignSession(owner.pid.key), value);
    }
    return value;
  }

  // --- who owns it ------------------------------------------------------------------------------

  /** Waits for an owner. @returns `undefined` when the time is up, or when closed */
  async #owner(deadlineMs?: number, signal?: AbortSignal): Promise<Owner | undefined> {
    const { global, counterName, understandsBatches } = this.#options;
    for (;;) {
      signal?.throwIfAborted();
      if (deadlineMs === undefined && this.#unsubscribe === undefined) return undefined;
      if (deadlineMs !== undefined && this.#clock.now() >= deadlineMs) return undefined;
      const pid = this.#unsubscribe === undefined ? undefined : global.whereisName(counterName);
      if (pid !== undefined && this.#gone?.equals(pid) !== true) {
        const batches = await understandsBatches(pid);
        if (batches !== undefined) return { pid, batches };
      }
      await this.#woken(deadlineMs, signal);
    }
  }

  /** Waits until something has changed, or the time is up. */
  #woken(deadlineMs?: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#wakers.delete(wake);
        cancel?.();
        signal?.removeEventListener('abort', wake);
        resolve();
      };
      const cancel =
        deadlineMs === undefined
          ? undefined
          : this.#clock.setTimer(Math.max(0, deadlineMs - this.#clock.now()), wake);
      signal?.addEventListener('abort', wake);
      this.#wakers.add(wake);
    });
  }

  #wakeAll(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  // --- those who wait ---------------------------------------------------------------------------

  #deadline({ timeoutMs = DEFAULT_CALL_TIMEOUT_MS }: CounterCallOptions): number {
    return this.#clock.now() + timeoutMs;
  }

  #succeed(waiter: Waiter, value: Count): void {
    if (this.#settle(waiter)) waiter.resolve(value);
  }

  #fail(waiter: Waiter, error: unknown): void {
    if (this.#settle(waiter)) waiter.reject(error);
  }

  #settle(waiter: Waiter): boolean {
    if (waiter.settled) return false;
    waiter.settled = true;
    if (waiter.onAbort !== undefined) waiter.signal?.removeEventListener('abort', waiter.onAbort);
    return true;
  }

  /** One caller waits no longer; what has not been sent is not going to be. */
  #giveUp(waiter: Waiter, reason: unknown): void {
    const at = this.#pending.indexOf(waiter);
    if (at >= 0) this.#pending.splice(at, 1);
    this.#fail(waiter, reason);
    this.#armTimer();
  }

  #failAll(error: unknown): void {
    // Of ours the node's processes end last: then nobody can be told anything else.
    const failure = error instanceof ProcessExit ? notCounted() : error;
    const waiters = [...this.#pending.splice(0), ...(this.#flight?.waiters ?? [])];
    for (const waiter of waiters) this.#fail(waiter, failure);
    this.#armTimer();
  }

  /** One timer for all who wait: for the earliest deadline. */
  #armTimer(): void {
    let dueMs = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.#pending) dueMs = Math.min(dueMs, deadlineMs);
    for (const { deadlineMs, settled } of this.#flight?.waiters ?? []) {
      if (!settled) dueMs = Math.min(dueMs, deadlineMs);
    }
    if (this.#timer?.dueMs === dueMs) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (dueMs === Number.POSITIVE_INFINITY) return;
    const cancel = this.#clock.setTimer(Math.max(0, dueMs - this.#clock.now()), () => {
      this.#timer = undefined;
      this.#expire();
    });
    this.#timer = { dueMs, cancel };
  }

  #expire(): void {
    const nowMs = this.#clock.now();
    const isDue = ({ deadlineMs }: Waiter): boolean => deadlineMs <= nowMs;
    for (const waiter of this.#flight?.waiters ?? []) {
      if (isDue(waiter)) this.#fail(waiter, unknownOutcome());
    }
    const due = this.#pending.filter(isDue);
    this.#pending = this.#pending.filter((waiter) => !isDue(waiter));
    for (const waiter of due) this.#fail(waiter, notCounted());
    this.#armTimer();
  }
}

interface Owner {
  readonly pid: Pid;
  readonly batches: boolean;
}

/** The owner ended, or its node did, before or during the call. */
function isGone(error: unknown): boolean {
  if (!(error instanceof CallError)) return false;
  return error.code === 'noproc' || error.code === 'noconnection' || error.code === 'exit';
}

function notCounted(): CallError {
  return new CallError('noproc', 'expected an owner of the counter in time, there was none');
}

function unknownOutcome(): CallError {
  return new CallError('timeout', 'expected an answer of the owner of the counter in time');
}

function badReply(): CallError {
  return new CallError('bad_reply', 'expected an answer of a counter, got another term');
}
