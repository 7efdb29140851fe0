import type { MemberContext } from './context.ts';
import { isDone, type MemberRequest } from './messages.ts';

/** Keeps states on another member: on the same one as long as that is quick. */
export class Backup {
  readonly #context: MemberContext;
  readonly #members: () => readonly string[];
  readonly #slow = new Set<string>();

  constructor(context: MemberContext, members: () => readonly string[]) {
    this.#context = context;
    this.#members = members;
  }

  /**
   * Resolves when a member has it, or when there is none. One that is slow is not waited for if there is
   * another.
   *
   * @param first the node to be asked before all others, if there is a member
   */
  keep(request: MemberRequest, first?: string): Promise<void> {
    return new Promise((resolve) => {
      const asked = new Set<string>();
      let waiting = 0;
      let done = false;
      const ask = (): void => {
        if (done) return;
        const next = this.#next(asked, first);
        if (next === undefined) {
          done = waiting === 0;
          if (done) resolve();
          return;
        }
        asked.add(next);
        waiting += 1;
        const cancel = this.#context.clock.setTimer(this.#context.timing.replicateMs, () => {
          this.#slow.add(next);
          ask();
        });
        void this.#context.call(next, request).then((answer) => {
          cancel();
          waiting -= 1;
          this.#slow.delete(next);
          if (answer !== undefined && isDone(answer) && !done) {
            done = true;
            resolve();
          } else ask();
        });
      };
      ask();
    });
  }

  /** Resolves when all members have it that answer in time. */
  async spread(request: MemberRequest): Promise<void> {
    const { replicateMs } = this.#context.timing;
    await Promise.all(
      this.#members().map((node) => this.#context.call(node, request, replicateMs)),
    );
  }

  /** The smallest name, so that it stays the same; those that were slow last time come last. */
  #next(asked: ReadonlySet<string>, first: string | undefined): string | undefined {
    const names = this.#members().filter((node) => !asked.has(node));
    if (first !== undefined && names.includes(first)) return first;
    return names.find((node) => !this.#slow.has(node)) ?? names[0];
  }
}
