/**
 * Dials the nodes that discovery sources name, until they are connected, and again when they are
 * connected no more.
 *
 * A round asks every source and dials each node that is due: not ourselves, not connected, not being
 * dialled, not backing off, not one that refused us for good. Rounds follow each other after
 * `intervalMs`, spread at random so that nodes started together do not dial in step. A dial may
 * outlast its round; there is never more than one of the same node, and no more than `maxDials` at once, each of
 * which takes a file descriptor: the others wait for their turn.
 */
import { type Clock, systemClock } from '../clock.ts';
import type { DialResult } from '../distribution/index.ts';
import { type BackOff, backOffDelay, spread } from './back-off.ts';
import { type DialsFailed, DialWarnings } from './dial-warnings.ts';
import type { DiscoverySource } from './discovery.ts';
import { Turns } from './turns.ts';

/** What the connector needs of the node it works for. */
export interface DialingNode {
  readonly name: string;
  isConnected(node: string): boolean;
  /** Connects unless connected already. Never rejects; bounded by the node's own time-outs. */
  connect(node: string): Promise<DialResult>;
}

/** What the connector tells its log. */
export type ConnectorEvent =
  | { readonly type: 'connected'; readonly node: string }
  | {
      readonly type: 'dial_failed';
      readonly node: string;
      readonly error: Error;
      /** failures in a row */
      readonly failures: number;
      readonly retryInMs: number;
      /** one of many: it is told with others, by `dials_failed` */
      readonly oneOfMany: boolean;
    }
  | DialsFailed
  /** left alone until it is another incarnation */
  | { readonly type: 'refused'; readonly node: string; readonly error: Error }
  | { readonly type: 'discovery_failed'; readonly source: string; readonly error: Error };

export interface ConnectorOptions {
  readonly node: DialingNode;
  readonly sources: readonly DiscoverySource[];
  /** between rounds; default 2 s */
  readonly intervalMs?: number;
  /** share of every delay by which it is spread, 0 to 1; default 0.2 */
  readonly jitter?: number;
  /** longest pause between dials of a node that fails; default 30 s */
  readonly maxBackOffMs?: number;
  /** at once; default 64 */
  readonly maxDials?: number;
  /** after which a source counts as failed in this round; default 5 s */
  readonly discoverTimeoutMs?: number;
  /** after which `start` no longer waits for the first round; default 8 s */
  readonly firstRoundTimeoutMs?: number;
  /** from 0 to below 1 */
  readonly random?: () => number;
  readonly clock?: Clock;
  readonly log?: (event: ConnectorEvent) => void;
}

/** How often the first round looks again for nodes that are known to be there, and after which pause. */
const LOOKS_AGAIN = 5;
const LOOK_AGAIN_MS = 100;

/** The code of a peer that will not have us whenever we come. */
const REFUSALS: ReadonlySet<string> = new Set(['bad_cookie', 'not_allowed', 'wrong_node']);

/** Each node that was named, with the sources that named it. */
type Found = ReadonlyMap<string, readonly DiscoverySource[]>;

interface Failure {
  count: number;
  /** how many of these came ahead of their time: they say nothing of how long it will last */
  hasty: number;
  dueAtMs: number;
  /** incarnations that refused us, by the source that told */
  refusedBy: ReadonlyMap<DiscoverySource, string | undefined> | undefined;
}

export class Connector {
  readonly #options: Required<ConnectorOptions>;
  readonly #backOff: BackOff;
  readonly #stopping = new AbortController();
  readonly #asking = new Set<AbortController>();
  readonly #dialling = new Map<string, Promise<void>>();
  readonly #failures = new Map<string, Failure>();
  readonly #turns: Turns;
  readonly #warnings: DialWarnings;
  #started = false;
  #cancelNextRound: () => void = () => {};

  constructor(options: ConnectorOptions) {
    this.#options = {
      intervalMs: 2_000,
      jitter: 0.2,
      maxBackOffMs: 30_000,
      maxDials: 64,
      discoverTimeoutMs: 5_000,
      firstRoundTimeoutMs: 8_000,
      random: Math.random,
      clock: systemClock,
      log: () => {},
      ...options,
    };
    const { intervalMs, maxBackOffMs, jitter } = this.#options;
    const { clock, log } = this.#options;
    this.#turns = new Turns(this.#options.maxDials);
    this.#warnings = new DialWarnings({ clock, tell: log });
    this.#backOff = { initialMs: intervalMs, maxMs: maxBackOffMs, jitter };
  }

  /**
   * Resolves when every node discovered at first has been dialled once, those that are known to be there a few
   * times if need be, or the time for it is up.
   */
  async start(): Promise<void> {
    if (this.#started) throw new Error('cannot start: the connector has been started before');
    this.#started = true;
    await this.#bounded(this.#firstRound(), this.#options.firstRoundTimeoutMs);
  }

  /** Ends the rounds and aborts discovery. Dials under way are the node's to end. Idempotent. */
  stop(): void {
    this.#stopping.abort();
    for (const asking of this.#asking) asking.abort();
    this.#cancelNextRound();
    this.#warnings.end();
    this.#failures.clear();
  }

  /** Never rejects. */
  async #firstRound(): Promise<void> {
    let found = await this.#round();
    for (let look = 0; look < LOOKS_AGAIN; look += 1) {
      await Promise.all(this.#dialling.values());
      if (this.#stopping.signal.aborted || !this.#hasMissed(found)) return;
      await this.#bounded(new Promise<never>(() => {}), LOOK_AGAIN_MS);
      found = await this.#look(true);
    }
  }

  /** Whether a node that is there could not be dialled. */
  #hasMissed(found: Found): boolean {
    return [...found].some(
      ([node, sources]) =>
        sources.some(({ namesLiveNodes }) => namesLiveNodes) &&
        !this.#options.node.isConnected(node) &&
        this.#failures.get(node)?.refusedBy === undefined,
    );
  }

  /** Starts all dials that are due, and arranges the next round. Never rejects. */
  async #round(): Promise<Found> {
    const found = await this.#look(false);
    if (this.#stopping.signal.aborted) return found;
    const { clock, intervalMs, jitter, random } = this.#options;
    this.#cancelNextRound = clock.setTimer(spread(intervalMs, jitter, random()), () => {
      void this.#round();
    });
    return found;
  }

  /**
   * Starts all dials that are due.
   *
   * @param again whether those of nodes that are there are, although the last one failed
   */
  async #look(again: boolean): Promise<Found> {
    const found = await this.#discover();
    if (this.#stopping.signal.aborted) return found;
    this.#forgetExcept(found);
    for (const [node, sources] of found) {
      const soon = again && sources.some(({ namesLiveNodes }) => namesLiveNodes);
      if (!this.#isDue(node, sources, soon)) continue;
      this.#dialling.set(node, this.#dial(node, sources, soon));
    }
    return found;
  }

  /** All sources at once: each node with the sources that named it. */
  async #discover(): Promise<Found> {
    const { sources } = this.#options;
    const lists = await Promise.all(sources.map((source) => this.#ask(source)));
    const found = new Map<string, DiscoverySource[]>();
    for (const [index, source] of sources.entries()) {
      for (const node of lists[index] ?? []) {
        if (node === this.#options.node.name) continue;
        const naming = found.get(node);
        if (naming === undefined) found.set(node, [source]);
        else if (!naming.includes(source)) naming.push(source);
      }
    }
    return found;
  }

  /** One source's nodes; none when it fails or takes too long. */
  async #ask(source: DiscoverySource): Promise<readonly string[]> {
    const asking = new AbortController();
    this.#asking.add(asking);
    const { discoverTimeoutMs, log } = this.#options;
    try {
      const asked = source.discover(asking.signal);
      const nodes = await this.#bounded(asked, discoverTimeoutMs);
      if (nodes === undefined && !this.#stopping.signal.aborted) {
        throw new Error(`no answer within ${discoverTimeoutMs} ms`);
      }
      return nodes ?? [];
    } catch (error) {
      if (!this.#stopping.signal.aborted) {
        log({ type: 'discovery_failed', source: source.name, error: asError(error) });
      }
      return [];
    } finally {
      this.#asking.delete(asking);
      asking.abort();
    }
  }

  #isDue(node: string, sources: readonly DiscoverySource[], soon: boolean): boolean {
    if (this.#dialling.has(node)) return false;
    if (this.#options.node.isConnected(node)) {
      this.#failures.delete(node);
      return false;
    }
    const failure = this.#failures.get(node);
    if (failure === undefined) return true;
    const { refusedBy } = failure;
    if (
      refusedBy !== undefined &&
      sources.every((source) => sameIncarnation(source, node, refusedBy))
    )
      return false;
    return soon || this.#options.clock.now() >= failure.dueAtMs;
  }

  async #dial(node: string, sources: readonly DiscoverySource[], soon: boolean): Promise<void> {
    const turn = this.#turns.take();
    if (turn !== undefined) await turn;
    if (this.#stopping.signal.aborted) return this.#turns.pass();
    // As they are now: by the time of the refusal another incarnation may have been discovered.
    const incarnations = new Map(
      sources.map((source) => [source, source.incarnationOf?.(node)] as const),
    );
    let result: { connected: true } | { connected: false; error: Error };
    try {
      result = await this.#options.node.connect(node);
    } catch (error) {
      result = { connected: false, error: asError(error) };
    }
    this.#turns.pass();
    this.#dialling.delete(node);
    if (this.#stopping.signal.aborted) return;
    if (result.connected) {
      this.#failures.delete(node);
      this.#options.log({ type: 'connected', node });
    } else {
      this.#failed(node, result.error, incarnations, soon);
    }
  }

  #failed(
    node: string,
    error: Error,
    incarnations: ReadonlyMap<DiscoverySource, string | undefined>,
    soon: boolean,
  ): void {
    const { clock, log, random } = this.#options;
    const refused = 'code' in error && REFUSALS.has(String(error.code));
    const before = this.#failures.get(node);
    const count = (before?.count ?? 0) + 1;
    const hasty = before === undefined ? 0 : before.hasty + Number(soon);
    const retryInMs = backOffDelay(this.#backOff, count - hasty, random());
    this.#failures.set(node, {
      count,
      hasty,
      dueAtMs: clock.now() + retryInMs,
      refusedBy: refused ? incarnations : undefined,
    });
    const forGood = [...incarnations.keys()].every((source) => source.incarnationOf !== undefined);
    if (refused && forGood) {
      log({ type: 'refused', node, error });
      return;
    }
    const oneOfMany = count === 1 && !this.#warnings.failed(node);
    log({ type: 'dial_failed', node, error, failures: count, retryInMs, oneOfMany });
  }

  /** Nodes that nobody names any more leave nothing behind. */
  #forgetExcept(found: Found): void {
    for (const node of this.#failures.keys()) {
      if (!found.has(node)) this.#failures.delete(node);
    }
  }

  /** `undefined` when `promise` has not settled within `timeoutMs`, or before the connector stopped. */
  async #bounded<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
    const { signal } = this.#stopping;
    let release = () => {};
    const ended = new Promise<undefined>((resolve) => {
      const end = () => resolve(undefined);
      const cancel = this.#options.clock.setTimer(timeoutMs, end);
      signal.addEventListener('abort', end);
      if (signal.aborted) end();
      release = () => {
        cancel();
        signal.removeEventListener('abort', end);
      };
    });
    try {
      return await Promise.race([promise, ended]);
    } finally {
      release();
    }
  }
}

/** Whether `source` names the very incarnation that refused us. */
function sameIncarnation(
  source: DiscoverySource,
  node: string,
  refusedBy: ReadonlyMap<DiscoverySource, string | undefined>,
): boolean {
  const incarnation = source.incarnationOf?.(node);
  return incarnation !== undefined && refusedBy.get(source) === incarnation;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
