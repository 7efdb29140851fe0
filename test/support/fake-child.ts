/** Children for supervisors under test, and a log of what happens to them. */
import type { Child, ExitReason } from '../../lib/supervisor/child.ts';
import type { ChildSpec, StartAnswer } from '../../lib/supervisor/child-spec.ts';

export interface FakeBehaviour {
  /** default: ends with `shutdown` at once */
  readonly onShutdown?: (child: FakeChild) => void;
  /** default: ends with `killed` at once */
  readonly onKill?: (child: FakeChild) => void;
}

export class FakeChild implements Child {
  readonly exited: Promise<ExitReason>;
  readonly id: string;
  readonly #log: string[];
  readonly #behaviour: FakeBehaviour;
  #end: (reason: ExitReason) => void = () => {};

  constructor(id: string, log: string[], behaviour: FakeBehaviour) {
    this.id = id;
    this.#log = log;
    this.#behaviour = behaviour;
    this.exited = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  shutdown(): void {
    this.#log.push(`shutdown ${this.id}`);
    if (this.#behaviour.onShutdown) this.#behaviour.onShutdown(this);
    else this.end({ type: 'shutdown' });
  }

  kill(): void {
    this.#log.push(`kill ${this.id}`);
    if (this.#behaviour.onKill) this.#behaviour.onKill(this);
    else this.end({ type: 'killed' });
  }

  /** Ends by itself. */
  end(reason: ExitReason): void {
    this.#end(reason);
  }

  crash(message = 'crashed'): void {
    this.end({ type: 'error', error: new Error(message) });
  }
}

/** Makes specs whose children are recorded, the youngest incarnation of each id last. */
export class FakeChildren {
  readonly log: string[] = [];
  readonly #incarnations = new Map<string, FakeChild[]>();

  /**
   * @param start may replace the answer of the nth start (from 1); it may throw, or wait
   */
  spec(
    id: string,
    options: Omit<ChildSpec, 'id' | 'start'> &
      FakeBehaviour & {
        readonly start?: (
          nth: number,
          child: () => FakeChild,
        ) => StartAnswer | Promise<StartAnswer>;
      } = {},
  ): ChildSpec {
    const { start, onShutdown, onKill, ...rest } = options;
    const behaviour = { ...(onShutdown && { onShutdown }), ...(onKill && { onKill }) };
    let starts = 0;
    const make = () => {
      const child = new FakeChild(id, this.log, behaviour);
      this.#incarnations.set(id, [...this.all(id), child]);
      return child;
    };
    return {
      ...rest,
      id,
      start: () => {
        starts += 1;
        this.log.push(`start ${id}`);
        return start ? start(starts, make) : make();
      },
    };
  }

  all(id: string): FakeChild[] {
    return this.#incarnations.get(id) ?? [];
  }

  /** The youngest incarnation. */
  get(id: string): FakeChild {
    const child = this.all(id).at(-1);
    if (child === undefined) throw new Error(`child ${id} was never started`);
    return child;
  }

  /** What has been logged since the last call. */
  takeLog(): string[] {
    return this.log.splice(0);
  }
}
