/** What the parts of one member share: how it calls others, waits, reports, and notices its own end. */
import { type Clock, systemClock } from '../clock.ts';
import {
  CallError,
  ConnectionError,
  compareNodeNames,
  type From,
  type Pid,
  type Process,
  ProcessError,
  ProcessExit,
  reply,
  type Term,
} from '../distribution/index.ts';
import { encodeRequest, type MemberRequest } from './messages.ts';
import type { SingletonOptions, SingletonTiming } from './role.ts';

/** Patience where nothing else is said. */
export const DEFAULT_TIMING: SingletonTiming = {
  staggerMs: 100,
  greetMs: 1_000,
  collectMs: 500,
  replicateMs: 250,
  handOffMs: 1_000,
  reconcileMs: 2_000,
};

export class MemberContext {
  readonly options: SingletonOptions;
  readonly clock: Clock;
  readonly timing: SingletonTiming;
  /** the member process */
  readonly process: Process;
  readonly #isLeaving: () => boolean;
  readonly #onError: (error: unknown) => void;

  constructor(
    options: SingletonOptions,
    process: Process,
    end: {
      /** whether the member stops or has stopped */
      readonly isLeaving: () => boolean;
      /** a fault of ours */
      readonly onError: (error: unknown) => void;
    },
  ) {
    this.options = options;
    this.clock = options.clock ?? systemClock;
    this.timing = { ...DEFAULT_TIMING, ...options.timing };
    this.process = process;
    this.#isLeaving = end.isLeaving;
    this.#onError = end.onError;
  }

  get nodeName(): string {
    return this.options.node.local.name;
  }

  get isLeaving(): boolean {
    return this.#isLeaving();
  }

  /** Who is registered under the singleton's name. */
  whereis(): Pid | undefined {
    return this.options.node.global.whereisName(this.options.name);
  }

  /** Whether our owner stays when there is one on that node too: as `global` has it. */
  staysBefore(node: string): boolean {
    return compareNodeNames(this.nodeName, node) < 0;
  }

  /** @returns `undefined` when there is no answer: the member has ended, or has not answered in time */
  async call(
    node: string,
    request: MemberRequest,
    timeoutMs = Number.POSITIVE_INFINITY,
  ): Promise<Term | undefined> {
    const destination = { name: this.options.memberName, node };
    try {
      return await this.options.node.client.call(destination, encodeRequest(request), {
        timeoutMs,
      });
    } catch (error) {
      if (error instanceof CallError || isStopError(error)) return undefined;
      throw error;
    }
  }

  /** Answers a call that was not answered at once. */
  reply(from: From, answer: Term): void {
    reply(this.options.node.local.processes, from, answer, this.process.pid);
  }

  /** For what nobody waits for: an error of ours ends the singleton, one of a node that stops does not. */
  background(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (!this.isLeaving && !isStopError(error)) this.#onError(error);
    });
  }

  /** Waits for `work`, but no longer than `timeoutMs`; it goes on all the same. */
  within(work: Promise<unknown>, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelTimer = this.clock.setTimer(timeoutMs, resolve);
      const settle = (): void => {
        cancelTimer();
        resolve();
      };
      work.then(settle, (error: unknown) => {
        cancelTimer();
        if (isStopError(error)) resolve();
        else reject(error);
      });
    });
  }

  emit(event: string, measurements: Record<string, number>, metadata: object): void {
    const { telemetry, event: prefix } = this.options;
    telemetry?.execute(`${prefix}.${event}`, measurements, { node: this.nodeName, ...metadata });
  }
}

/** The node stops, and with it everything that waits. */
function isStopError(error: unknown): boolean {
  if (error instanceof ProcessExit) return true;
  if (error instanceof ProcessError) return error.code === 'stopped';
  return error instanceof ConnectionError && error.code === 'distribution_off';
}
