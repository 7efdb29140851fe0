import type { MemberContext } from './context.ts';
import type { Members } from './members.ts';
import type { States } from './states.ts';
import type { Tenure } from './tenure.ts';

/**
 * The race for the name. Of the members that see it free the one with the smallest name tries at once,
 * each other a little later, so that they do not meet at `global`'s lock.
 */
export class Contest {
  readonly #context: MemberContext;
  readonly #members: Members;
  readonly #states: States;
  readonly #tenure: Tenure;
  #running = false;

  constructor(context: MemberContext, members: Members, states: States, tenure: Tenure) {
    this.#context = context;
    this.#members = members;
    this.#states = states;
    this.#tenure = tenure;
  }

  /** Tries to own the name as long as nobody does. Idempotent. */
  async run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    try {
      const { node, name } = this.#context.options;
      while (this.#isFree) {
        const delayMs = this.#members.rank() * this.#context.timing.staggerMs;
        if (delayMs > 0) await node.global.waitForName(name, { timeoutMs: delayMs });
        if (!this.#isFree) return;
        await this.#try();
      }
    } finally {
      this.#running = false;
    }
  }

  get #isFree(): boolean {
    return !this.#context.isLeaving && this.#context.whereis() === undefined;
  }

  async #try(): Promise<void> {
    const { node, name } = this.#context.options;
    const owner = await this.#tenure.candidate();
    if (this.#context.isLeaving && !owner.serves) {
      this.#tenure.release(owner);
      return;
    }
    const won = await node.global.registerName(name, owner.process.pid);
    // Somebody has handed over to it meanwhile, or did before.
    if (owner.serves) return;
    const taken = won && !this.#context.isLeaving ? await this.#states.collect() : undefined;
    if (owner.serves) return;
    // Its name may have gone to another meanwhile, which then serves.
    const isOurs = this.#context.whereis()?.equals(owner.process.pid) === true;
    const isCandidate = this.#tenure.owner === owner && !this.#context.isLeaving;
    if (isOurs && isCandidate && taken === undefined) {
      await this.#tenure.serve(owner, 'free');
      return;
    }
    // That one serves without the name, as we see it. It gets it from us before ours ends: were the name free
    // in between, the next member would try, and then the next, as long as there are any.
    if (taken !== undefined && isOurs) {
      const given = node.global.passName(
        name,
        taken,
        (holder) => holder?.equals(owner.process.pid) === true,
      );
      await this.#context.within(given, this.#context.timing.handOffMs);
      if (owner.serves) return;
    }
    this.#tenure.release(owner);
  }
}
