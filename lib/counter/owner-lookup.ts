/** Who owns the counter, as one node sees it, and who did before. */
import type { Clock } from '../clock.ts';
import { type Atom, type GlobalNames, isAtom, type Pid } from '../distribution/index.ts';

export interface OwnerLookupOptions {
  readonly counterName: Atom;
  readonly global: Pick<GlobalNames, 'whereisName' | 'onNameEvent'>;
  /** whether a process understands batches; `undefined` when that cannot be found out now */
  readonly understandsBatches: (owner: Pid) => Promise<boolean | undefined>;
  /** whether a node can be asked: this one, or one that it is connected with */
  readonly isReachable: (node: string) => boolean;
  readonly clock: Clock;
  /** somebody owns it now, perhaps another one */
  readonly onRegistered: (owner: Pid) => void;
}

/** Who owns the counter now, and whether it understands batches, as ours do. */
export interface Owner {
  readonly pid: Pid;
  readonly batches: boolean;
}

/** What is known of one owner; `batches` and `error` are missing while it is being found out. */
interface Judgement {
  readonly owner: Pid;
  batches?: boolean;
  error?: unknown;
}

/** So many former owners are remembered: of those before them the rest have heard. */
const MAX_FORMER = 16;

/** Finds the owner, waits for one, and remembers those before it. */
export class OwnerLookup {
  readonly #options: OwnerLookupOptions;
  readonly #wakers = new Set<() => void>();
  #unsubscribe: (() => void) | undefined;
  /** an owner that is known to have ended, until the name changes */
  #gone: Pid | undefined;
  #judgement: Judgement | undefined;
  #latest: Pid | undefined;
  #former: Pid[] = [];

  constructor(options: OwnerLookupOptions) {
    this.#options = options;
  }

  get isOpen(): boolean {
    return this.#unsubscribe !== undefined;
  }

  /** Starts to look, also for those who wait already. Idempotent. */
  open(): void {
    if (this.isOpen) return;
    const { global, counterName } = this.#options;
    this.#latest ??= global.whereisName(counterName);
    this.#unsubscribe = global.onNameEvent(({ type, name, pid }) => {
      if (!isAtom(name, counterName.name) || type === 'conflict') return;
      if (type === 'registered') this.#registered(pid);
      this.wake();
    });
    this.wake();
  }

  /** Ends, and wakes who waits. */
  close(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.wake();
  }

  /** Waits for an owner. @returns `undefined` when the time is up, or when closed */
  async find(deadlineMs?: number, signal?: AbortSignal): Promise<Owner | undefined> {
    const { global, counterName, clock } = this.#options;
    for (;;) {
      signal?.throwIfAborted();
      if (deadlineMs === undefined && !this.isOpen) return undefined;
      if (deadlineMs !== undefined && clock.now() >= deadlineMs) return undefined;
      const pid = this.isOpen ? global.whereisName(counterName) : undefined;
      if (pid !== undefined && this.#gone?.equals(pid) !== true) {
        const batches = this.#judge(pid);
        if (batches !== undefined) return { pid, batches };
      }
      await this.woken(deadlineMs, signal);
    }
  }

  /** That owner has ended; it is not found again. */
  gone(owner: Pid): void {
    this.#gone = owner;
  }

  /**
   * The owners before this one whose nodes are there. What they answered their clients, other nodes may
   * not know yet: when a split heals, the loser's side turns to the winner before it has heard of all that.
   */
  formerOwners(owner: Pid): readonly Pid[] {
    return this.#former.filter(
      (former) => !former.equals(owner) && this.#options.isReachable(former.node),
    );
  }

  /** An owner knows now what these answered. */
  reconciled(owners: readonly Pid[]): void {
    this.#former = this.#former.filter((former) => !owners.some((owner) => owner.equals(former)));
  }

  /** Waits until something has changed, or the time is up. */
  woken(deadlineMs?: number, signal?: AbortSignal): Promise<void> {
    const { clock } = this.#options;
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
          : clock.setTimer(Math.max(0, deadlineMs - clock.now()), wake);
      signal?.addEventListener('abort', wake);
      this.#wakers.add(wake);
    });
  }

  /** Something has changed. */
  wake(): void {
    for (const wake of [...this.#wakers]) wake();
  }

  /**
   * Whether an owner understands batches; `undefined` while that is not known. Nobody waits for the answer of
   * a node that may be frozen any longer than for everything else: it wakes when it comes.
   *
   * @throws what asking threw
   */
  #judge(owner: Pid): boolean | undefined {
    const known = this.#judgement;
    if (known?.owner.equals(owner) === true) {
      if (!('error' in known)) return known.batches;
      this.#judgement = undefined;
      throw known.error;
    }
    const judgement: Judgement = { owner };
    this.#judgement = judgement;
    this.#options.understandsBatches(owner).then(
      (batches) => this.#judged(judgement, batches),
      (error: unknown) => {
        judgement.error = error;
        this.wake();
      },
    );
    return undefined;
  }

  #judged(judgement: Judgement, batches: boolean | undefined): void {
    if (batches !== undefined) {
      judgement.batches = batches;
      this.wake();
      // To be asked again, but not before something has changed.
    } else if (this.#judgement === judgement) this.#judgement = undefined;
  }

  #registered(pid: Pid): void {
    this.#gone = undefined;
    if (this.#latest !== undefined && !this.#latest.equals(pid)) {
      this.#former = [
        ...this.#former.filter((former) => !former.equals(pid)).slice(1 - MAX_FORMER),
        this.#latest,
      ];
    }
    this.#latest = pid;
    this.#options.onRegistered(pid);
  }
}
