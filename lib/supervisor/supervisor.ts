/**
 * Supervisors: they start children in order, restart those that end, and stop them in reverse order.
 *
 * ```ts
 * const supervisor = await Supervisor.start({
 *   name: 'application',
 *   strategy: 'rest_for_one',
 *   children: [
 *     { id: 'pubsub', start: () => startPubSub() },
 *     { id: 'endpoint', start: () => startEndpoint(), shutdown: 10_000 },
 *     { id: 'cluster', start: () => Supervisor.start(cluster), type: 'supervisor' },
 *   ],
 * });
 * process.once('SIGTERM', () => supervisor.shutdown());
 * const reason = await supervisor.exited;
 * process.exitCode = reason.type === 'shutdown' ? 0 : 1;
 * ```
 *
 * If the endpoint crashes, the cluster is stopped, and then endpoint and cluster are started again;
 * pubsub, on which they depend, is left alone. If something is wrong for good, restarts do not help:
 * after more than `intensity` of them within `periodMs` the supervisor stops all of its children
 * and ends with an error itself, and whoever supervises *it* decides what comes next. At the top that
 * is the application, which ends.
 *
 * **Options.** `strategy` says who is restarted with a child that has ended (`one_for_one`, the
 * default, `one_for_all`, `rest_for_one`); `intensity` and `periodMs` limit the restarts (default 3
 * in 5000 ms, Elixir's values). A child spec says by `restart` *whether* its child is restarted
 * (`permanent`, the default, `transient`, `temporary`), and by `shutdown` how it is stopped: asked and,
 * after so many milliseconds, killed (default 5000); asked and waited for (`infinity`, the default
 * for supervisors); or killed at once (`brutal_kill`).
 *
 * **Start.** One child after the other, each start awaited before the next begins. If one fails,
 * those before it are stopped in reverse order, and `Supervisor.start` rejects with the child's id
 * and the cause. A start may answer `ignore`: the child stays on the list, without running, and can
 * be started later by `restartChild`; a temporary one is forgotten.
 *
 * **Restart.** A restart of several children stops them in reverse order and starts them in order,
 * including those that did not run (stopped, ignored, done). Temporary ones are stopped and
 * forgotten. If a start fails, the restart is tried again at once, and every attempt counts against
 * the intensity.
 *
 * **Stop.** In reverse order, one after the other. From the moment of the request nothing is
 * restarted; a start that is under way is awaited first, because it may hold resources already
 * (unless the supervisor is killed). A child that does not even end when killed is reported and
 * abandoned after `killTimeoutMs`, so that a stop always comes to its end.
 *
 * **One thing at a time.** Exits and requests are handled in the order of their arrival, each
 * completely. Neither the start nor the end of a child may therefore wait for a request to its own
 * supervisor.
 *
 * ```text
 *            start fails
 *  starting ────────────────────────────┐
 *     │                                 ▼
 *     ▼   shutdown, kill, intensity   stopping ──► ended (`exited` settles)
 *  running ─────────────────────────────▲
 * ```
 *
 * **Events** (metadata always has `supervisor`, its name, and `childId`): `supervisor.child.started`,
 * `.restarted`, `.start_failed`, `.exited` (by itself), `.stopped` (by us), and
 * `supervisor.intensity_exceeded`.
 *
 * Not provided: OTP's `significant` children with `auto_shutdown`, and `simple_one_for_one`.
 *
 * @see https://www.erlang.org/doc/man/supervisor and https://hexdocs.pm/elixir/Supervisor.html
 */

import { type Clock, systemClock } from '../clock.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { type Child, describeExitReason, type ExitReason } from './child.ts';
import {
  type ChildCount,
  type ChildInfo,
  ChildList,
  type ChildState,
  type Entry,
} from './child-list.ts';
import {
  type ChildSpec,
  type CompleteChildSpec,
  completeChildSpec,
  completeChildSpecs,
} from './child-spec.ts';
import type { SupervisorError } from './errors.ts';
import { Reports } from './reports.ts';
import {
  checkLimits,
  countRestart,
  DEFAULT_LIMITS,
  type RestartLimits,
} from './restart-intensity.ts';
import { startChild } from './start-child.ts';
import { exitOf, stopChild } from './stop-child.ts';
import { checkStrategy, isRestarted, restartGroup, type Strategy } from './strategy.ts';

export interface SupervisorOptions {
  /** for events and messages */
  readonly name: string;
  readonly children: readonly ChildSpec[];
  /** default `one_for_one` */
  readonly strategy?: Strategy;
  /** default 3 */
  readonly intensity?: number;
  /** default 5000 */
  readonly periodMs?: number;
  /** how long a killed child may take to end; default 5000 */
  readonly killTimeoutMs?: number;
  readonly telemetry?: Telemetry;
  readonly clock?: Clock;
  /** Aborting it while the children are being started abandons the start; later it has no effect. */
  readonly signal?: AbortSignal;
}

type Started =
  | { readonly type: 'started'; readonly child: Child }
  | { readonly type: 'ignored' }
  | { readonly type: 'failed'; readonly error: unknown };

const DEFAULT_KILL_TIMEOUT_MS = 5000;

export class Supervisor implements Child {
  readonly name: string;
  readonly exited: Promise<ExitReason>;

  readonly #strategy: Strategy;
  readonly #limits: RestartLimits;
  readonly #killTimeoutMs: number;
  readonly #reports: Reports;
  readonly #clock: Clock;
  readonly #settleExited: (reason: ExitReason) => void;
  readonly #killed = new AbortController();
  readonly #children: ChildList;
  #restarts: readonly number[] = [];
  #stopping = false;
  /** the end of the queue of things to do */
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(options: SupervisorOptions) {
    const { intensity, periodMs } = options;
    this.name = options.name;
    this.#strategy = checkStrategy(options.strategy ?? 'one_for_one');
    this.#limits = checkLimits({
      intensity: intensity ?? DEFAULT_LIMITS.intensity,
      periodMs: periodMs ?? DEFAULT_LIMITS.periodMs,
    });
    this.#killTimeoutMs = options.killTimeoutMs ?? DEFAULT_KILL_TIMEOUT_MS;
    this.#reports = new Reports(options.name, options.telemetry);
    this.#children = new ChildList(this.#reports);
    this.#clock = options.clock ?? systemClock;
    const { promise, resolve } = withResolvers<ExitReason>();
    this.exited = promise;
    this.#settleExited = resolve;
  }

  /**
   * Starts a supervisor and its children.
   *
   * @throws {SupervisorError} `start_failed` with `childId` and `cause`, or `aborted`; in both cases
   *   every child that had been started is stopped by then
   * @throws {TypeError} if an option or a child spec is wrong; nothing is started then
   */
  static async start(options: SupervisorOptions): Promise<Supervisor> {
    const supervisor = new Supervisor(options);
    const specs = completeChildSpecs(options.children);
    await supervisor.#enqueue(() => supervisor.#startAll(specs, options.signal));
    return supervisor;
  }

  /** Asks for an orderly stop; `exited` tells when it is done. */
  shutdown(): void {
    this.#requestStop({ type: 'shutdown' });
  }

  /** Kills all children at once; `exited` settles when they have ended. */
  kill(): void {
    if (this.#killed.signal.aborted) return;
    this.#requestStop({ type: 'killed' });
    // Whatever is being waited for is called off. The stop that is under way or queued collects the
    // children one by one; killing them here as well keeps one that lingers from delaying the others.
    this.#killed.abort();
    for (const { state } of this.#children.entries.toReversed()) {
      if (state.type === 'running') killQuietly(state.child);
    }
  }

  /** The children in start order. */
  whichChildren(): ChildInfo[] {
    return this.#children.which();
  }

  countChildren(): ChildCount {
    return this.#children.count();
  }

  /**
   * Adds a child to the end of the list and starts it. A child whose start fails is not added.
   *
   * @returns the child, or `undefined` if its start answered `ignore`
   * @throws {SupervisorError} `already_started`, `already_present`, `start_failed`, `stopped`
   * @throws {TypeError} if the spec is wrong
   */
  async startChild(spec: ChildSpec): Promise<Child | undefined> {
    const complete = completeChildSpec(spec);
    return this.#request(async () => {
      const present = this.#children.find(complete.id);
      if (present !== undefined) {
        const code = present.state.type === 'running' ? 'already_started' : 'already_present';
        throw this.#reports.error(code, `has child "${complete.id}" already`, complete.id);
      }
      const entry = this.#children.add(complete);
      const started = await this.#startEntry(entry, 'started');
      if (started.type === 'failed') this.#children.remove(entry);
      return this.#answer(entry, started);
    });
  }

  /**
   * Stops a child as its spec says. It stays on the list and is not restarted; a temporary one is
   * forgotten. A child that does not run is no error; a restart that is due is called off.
   *
   * @throws {SupervisorError} `not_found`, `stopped`
   */
  async terminateChild(id: string): Promise<void> {
    await this.#request(async () => {
      const entry = this.#children.get(id);
      await this.#stopEntry(entry);
      this.#children.removeIfTemporary(entry);
    });
  }

  /**
   * Starts a child that is on the list and does not run.
   *
   * @returns the child, or `undefined` if its start answered `ignore`
   * @throws {SupervisorError} `not_found`, `running`, `restarting`, `start_failed` (the child stays
   *   as it was), `stopped`
   */
  async restartChild(id: string): Promise<Child | undefined> {
    return this.#request(async () => {
      const entry = this.#children.getStopped(id);
      return this.#answer(entry, await this.#startEntry(entry, 'started'));
    });
  }

  /**
   * Forgets a child that does not run.
   *
   * @throws {SupervisorError} `not_found`, `running`, `restarting`, `stopped`
   */
  async deleteChild(id: string): Promise<void> {
    await this.#request(async () => this.#children.remove(this.#children.getStopped(id)));
  }

  // --- start ---------------------------------------------------------------------------------

  async #startAll(specs: readonly CompleteChildSpec[], signal?: AbortSignal): Promise<void> {
    for (const spec of specs) {
      if (signal?.aborted) {
        await this.#giveUpStart(
          this.#reports.error('aborted', 'was aborted', undefined, signal.reason),
        );
      }
      const entry = this.#children.add(spec);
      const started = await this.#startEntry(entry, 'started');
      if (started.type === 'failed') {
        await this.#giveUpStart(this.#reports.startError(entry.spec, started.error));
      }
    }
  }

  async #giveUpStart(error: SupervisorError): Promise<never> {
    await this.#stopAll({ type: 'error', error });
    throw error;
  }

  async #startEntry(entry: Entry, event: 'started' | 'restarted'): Promise<Started> {
    const { spec } = entry;
    const startedAt = this.#clock.now();
    try {
      const answer = await startChild(spec, this.#killed.signal);
      if (answer === 'ignore') {
        entry.state = { type: 'stopped' };
        this.#children.removeIfTemporary(entry);
        return { type: 'ignored' };
      }
      this.#watch(entry, answer);
      const durationMs = this.#clock.now() - startedAt;
      this.#reports.emit(`supervisor.child.${event}`, spec, { durationMs });
      return { type: 'started', child: answer };
    } catch (error) {
      this.#reports.emit('supervisor.child.start_failed', spec, {}, { error });
      return { type: 'failed', error };
    }
  }

  #answer(entry: Entry, started: Started): Child | undefined {
    if (started.type === 'failed') throw this.#reports.startError(entry.spec, started.error);
    return started.type === 'started' ? started.child : undefined;
  }

  #watch(entry: Entry, child: Child): void {
    const running: ChildState = { type: 'running', child };
    entry.state = running;
    exitOf(child).then((reason) => {
      this.#schedule(async () => {
        if (entry.state === running) await this.#childExited(entry, reason);
      });
    });
  }

  // --- exit and restart ----------------------------------------------------------------------

  async #childExited(entry: Entry, reason: ExitReason): Promise<void> {
    entry.state = { type: 'stopped' };
    const willRestart = !this.#stopping && isRestarted(entry.spec.restart, reason);
    this.#reports.emit('supervisor.child.exited', entry.spec, {}, { reason, willRestart });
    this.#children.removeIfTemporary(entry);
    if (willRestart) await this.#restart(entry, reason);
  }

  /** Restarts a child that has ended, or whose last restart has failed, with those that go with it. */
  async #restart(entry: Entry, reason: ExitReason): Promise<void> {
    const count = countRestart(this.#restarts, this.#clock.now(), this.#limits);
    this.#restarts = count.restarts;
    if (count.exceeded) return this.#escalate(entry, reason);

    const group = restartGroup(this.#strategy, this.#children.entries, entry);
    await this.#stopEntries(group);
    for (const sibling of group) this.#children.removeIfTemporary(sibling);
    for (const sibling of group) {
      if (this.#stopping) return;
      if (sibling.spec.restart === 'temporary') continue;
      const started = await this.#startEntry(sibling, 'restarted');
      if (started.type === 'failed') return this.#restartLater(sibling, started.error);
    }
  }

  /** Queued, not done at once: a stop, or a `terminateChild`, must be able to come in between. */
  #restartLater(entry: Entry, error: unknown): void {
    const restarting: ChildState = { type: 'restarting' };
    entry.state = restarting;
    this.#schedule(async () => {
      if (entry.state === restarting && !this.#stopping) {
        await this.#restart(entry, { type: 'error', error });
      }
    });
  }

  async #escalate(entry: Entry, reason: ExitReason): Promise<void> {
    const { intensity, periodMs } = this.#limits;
    this.#reports.emit(
      'supervisor.intensity_exceeded',
      entry.spec,
      { intensity, periodMs },
      { reason },
    );
    const error = this.#reports.error(
      'intensity_exceeded',
      `gave up after more than ${intensity} restarts in ${periodMs} ms; ` +
        `last child "${entry.spec.id}" ended with ${describeExitReason(reason)}`,
      entry.spec.id,
      reason.type === 'error' ? reason.error : undefined,
    );
    await this.#stopAll({ type: 'error', error });
  }

  // --- stop ----------------------------------------------------------------------------------

  #requestStop(reason: ExitReason): void {
    if (this.#stopping) return;
    this.#stopping = true;
    this.#schedule(() => this.#stopAll(reason));
  }

  async #stopAll(reason: ExitReason): Promise<void> {
    this.#stopping = true;
    await this.#stopEntries(this.#children.entries);
    this.#settleExited(this.#killed.signal.aborted ? { type: 'killed' } : reason);
  }

  async #stopEntries(entries: readonly Entry[]): Promise<void> {
    for (const entry of entries.toReversed()) await this.#stopEntry(entry);
  }

  async #stopEntry(entry: Entry): Promise<void> {
    const { spec, state } = entry;
    entry.state = { type: 'stopped' };
    if (state.type !== 'running') return;
    const startedAt = this.#clock.now();
    const outcome = await stopChild(state.child, {
      shutdown: spec.shutdown,
      clock: this.#clock,
      killTimeoutMs: this.#killTimeoutMs,
      killed: this.#killed.signal,
    });
    const { type, reason, timedOut, errors } = outcome;
    const metadata = { outcome: type, reason, timedOut, errors };
    const durationMs = this.#clock.now() - startedAt;
    this.#reports.emit('supervisor.child.stopped', spec, { durationMs }, metadata);
  }

  // --- the queue -----------------------------------------------------------------------------

  #enqueue<T>(task: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(task);
    this.#queue = done.catch(() => {});
    return done;
  }

  /** For tasks of ours, that nobody awaits and that handle their failures themselves. */
  #schedule(task: () => Promise<void>): void {
    this.#enqueue(task).catch((error: unknown) => this.#stopAll({ type: 'error', error }));
  }

  /** For requests from outside: their failure is the caller's. */
  #request<T>(task: () => Promise<T>): Promise<T> {
    return this.#enqueue(async () => {
      if (this.#stopping) throw this.#reports.error('stopped', 'is stopping or has ended');
      return task();
    });
  }
}

/** The stop kills each child once more, and reports what `kill()` throws. */
function killQuietly(child: Child): void {
  try {
    child.kill();
  } catch {
    // see above
  }
}

function withResolvers<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let settle: (value: T) => void = () => {};
  const promise = new Promise<T>((resolve) => {
    settle = resolve;
  });
  return { promise, resolve: settle };
}
