/** How the states of the members come together. */
import type { Pid, Term } from '../distribution/index.ts';
import type { MemberContext } from './context.ts';
import type { Gate } from './gate.ts';
import { type MemberRequest, valueWithOwner } from './messages.ts';

export interface StatesOptions {
  /** the other members that are there to stay */
  readonly members: () => readonly string[];
  /** the owner process of this node, while it serves: exchanges tell */
  readonly owner: () => Pid | undefined;
  /** a member has said, beside its state, which owner it has */
  readonly onWord: (node: string, owner: Pid | undefined) => void;
}

export class States {
  readonly #context: MemberContext;
  readonly #gate: Gate;
  readonly #options: StatesOptions;
  #synchronising: Promise<void> | undefined;
  #again = false;

  constructor(context: MemberContext, gate: Gate, options: StatesOptions) {
    this.#context = context;
    this.#gate = gate;
    this.#options = options;
  }

  /** All that this node knows. */
  export(): Term {
    return this.#context.options.role.exportState();
  }

  /** @returns whether it was understood */
  merge(state: Term, from: string): boolean {
    const understood = this.#context.options.role.mergeState(state, from);
    if (!understood) this.#context.emit('state_refused', {}, { peer: from });
    return understood;
  }

  /**
   * Asks for a state and merges it, whenever it comes.
   *
   * @returns the owner of that member, if that serves
   */
  async ask(node: string, request: MemberRequest): Promise<Pid | undefined> {
    const answer = await this.#context.call(node, request);
    const known = answer === undefined ? undefined : valueWithOwner(answer);
    if (known === undefined || !this.#context.process.isAlive) return undefined;
    this.merge(known.value, node);
    this.#options.onWord(node, known.owner);
    return known.owner;
  }

  /** Each learns what the other knows. */
  async exchange(node: string): Promise<void> {
    const owner = this.#options.owner();
    await this.ask(node, { type: 'merge', state: this.export(), owner });
  }

  /** As {@link exchange}; until it is done, nothing is said to be reconciled. */
  async welcome(node: string): Promise<void> {
    const release = this.#gate.hold(this.#context.timing.collectMs);
    try {
      await this.exchange(node);
    } finally {
      release();
    }
  }

  /**
   * Asks all members for what they know; waits for the slow ones only so long.
   *
   * @returns an owner that serves and stays before us: the name was only seen as free
   */
  async collect(): Promise<Pid | undefined> {
    let taken: Pid | undefined;
    const { collectMs, reconcileMs } = this.#context.timing;
    const all = this.#options.members().map(async (node) => {
      const release = this.#gate.hold(reconcileMs);
      try {
        const owner = await this.ask(node, { type: 'collect' });
        if (owner?.node === node && !this.#context.staysBefore(node)) taken ??= owner;
      } finally {
        release();
      }
    });
    await this.#context.within(Promise.all(all), collectMs);
    return taken;
  }

  /** Exchanges states with every member. One round at a time: what happens during one begins another. */
  synchronise(): Promise<void> {
    if (this.#synchronising !== undefined) {
      this.#again = true;
      return this.#synchronising;
    }
    const round = async (): Promise<void> => {
      do {
        this.#again = false;
        const all = Promise.all(this.#options.members().map((node) => this.exchange(node)));
        await this.#context.within(all, this.#context.timing.collectMs);
      } while (this.#again && !this.#context.isLeaving);
    };
    this.#synchronising = round().finally(() => {
      this.#synchronising = undefined;
    });
    return this.#synchronising;
  }
}
