import { type CallResult, type From, isTuple, Pid, type Term } from '../distribution/index.ts';
import type { MemberContext } from './context.ts';
import type { Gate } from './gate.ts';
import type { Members } from './members.ts';
import { ok, okValue, ownerTerm } from './messages.ts';
import type { States } from './states.ts';
import type { Owner, Tenure } from './tenure.ts';

interface Rival {
  readonly pid: Pid;
  readonly release: () => void;
}

/** So many former owners are remembered as known; one that is forgotten is asked for again. */
const MAX_RECONCILED = 64;

/**
 * Other owners beside ours, as after a split. Members tell each other whether they serve, whenever they
 * greet and exchange states; of two that serve the one on the smaller node stays:
 *
 * ```
 * the one that stays                       the other
 *        │ ── merge: my state, I serve ──────▶ │
 *        │ ◀───────── owner: I serve, do you? ─│   both: nothing is reconciled from here on …
 *  registers itself anew, everywhere           │
 *        │ ── ok, I serve ────────────────────▶│ ends
 *        │ ◀──────────── merge: my last state ─│   … to here
 * ```
 *
 * Nothing is done on hearsay: what was true when a message was sent is asked for again.
 */
export class Rivals {
  readonly #context: MemberContext;
  readonly #gate: Gate;
  readonly #members: Members;
  readonly #states: States;
  readonly #tenure: Tenure;
  /** by node */
  readonly #known = new Map<string, Rival>();
  /** former owners that were asked for, by pid */
  readonly #reconciled = new Set<string>();

  constructor(
    context: MemberContext,
    parts: {
      readonly gate: Gate;
      readonly members: Members;
      readonly states: States;
      readonly tenure: Tenure;
    },
  ) {
    this.#context = context;
    this.#gate = parts.gate;
    this.#members = parts.members;
    this.#states = parts.states;
    this.#tenure = parts.tenure;
  }

  /** The last word of a member: whether it has an owner that serves. What it knows is known here. */
  heard(node: string, owner: Pid | undefined): void {
    const rival = this.#known.get(node);
    if (owner !== undefined && rival?.pid.equals(owner)) return;
    this.forget(node);
    if (owner === undefined || owner.node !== node || this.#tenure.serving === undefined) return;
    const release = this.#gate.hold(this.#context.timing.reconcileMs);
    this.#known.set(node, { pid: owner, release });
    this.#context.background(this.#meet(node));
  }

  /** That node is gone, or has no owner any more. */
  forget(node: string): void {
    this.#known.get(node)?.release();
    this.#known.delete(node);
  }

  /** Our owner has ended: what others there are, the next one finds out. */
  forgetAll(): void {
    for (const node of [...this.#known.keys()]) this.forget(node);
  }

  /** A member asks whether ours serves, because its own does. */
  asked(from: From, by: Pid): CallResult {
    const { node } = from.pid;
    const owner = this.#tenure.serving;
    if (owner !== undefined) this.heard(node, by);
    if (owner !== undefined && this.#context.staysBefore(node)) {
      const answered = this.#stay(owner).then(() =>
        this.#context.reply(from, ok(ownerTerm(this.#tenure.servingPid))),
      );
      this.#context.background(answered);
      return { noReply: true };
    }
    return { reply: ok(ownerTerm(owner?.process.pid)) };
  }

  /** The name that our owner serves under has gone to that process. */
  displaced(owner: Owner, by: Pid): void {
    const { node } = by;
    const isOwn = node === this.#context.nodeName;
    // A process of ours that has ended: its name was registered late.
    if (isOwn && this.#context.whereis() === undefined) {
      this.#context.background(this.#stay(owner));
    } else if (this.#members.isLeaving(node)) {
      // It has handed over to ours, and got the name late from the one before it. It gives the name on, or ends.
    } else if (this.#context.staysBefore(node)) {
      this.#context.background(this.#challenged(owner, by));
    } else {
      // Ours is not the one that everybody calls, whatever it was that `global` settled.
      this.#tenure.yield(owner, by);
    }
  }

  /** See {@link SingletonServices.reconciled}. */
  reconciled(formerOwners: readonly Pid[]): Promise<void> | undefined {
    for (const pid of formerOwners) this.#learn(pid);
    return this.#gate.opened();
  }

  /** Sees to it that what a former owner knew is known here, if it can be had. */
  #learn(pid: Pid): void {
    const { node, key } = pid;
    if (node === this.#context.nodeName || this.#reconciled.has(key)) return;
    if (this.#known.get(node)?.pid.equals(pid)) return;
    this.#reconciled.add(key);
    const [oldest] = this.#reconciled;
    if (this.#reconciled.size > MAX_RECONCILED) this.#reconciled.delete(oldest!);
    // A node that we have no connection with is most likely gone; the caller has not noticed yet.
    const { reconcileMs, collectMs } = this.#context.timing;
    const isConnected = this.#context.options.node.local.nodes().includes(node);
    const release = this.#gate.hold(isConnected ? reconcileMs : collectMs);
    // If it serves still, its member says so, and it is a rival before this is released.
    this.#context.background(this.#states.ask(node, { type: 'collect' }).finally(release));
  }

  async #meet(node: string): Promise<void> {
    const owner = this.#tenure.serving;
    if (owner === undefined) return;
    // It hears that ours serves, and asks in turn.
    if (this.#context.staysBefore(node)) return this.#states.exchange(node);
    const answer = await this.#context.call(node, { type: 'owner', owner: owner.process.pid });
    const other = okPid(answer);
    if (other === undefined) {
      // It has ended, or is not reached: the last word of it is in the answer to this, if there is one.
      await this.#states.exchange(node);
      this.forget(node);
    } else if (this.#tenure.serving === owner) this.#tenure.yield(owner, other);
  }

  /** Our owner's name has been given to a process of a node that is not to stay before us. */
  async #challenged(owner: Owner, by: Pid): Promise<void> {
    const isMember = await this.#members.knows(by.node);
    if (this.#tenure.serving !== owner) return;
    if (isMember) {
      this.heard(by.node, by);
      await this.#stay(owner);
    }
    // A stranger has it: nobody there could yield.
    else this.#tenure.yield(owner, by);
  }

  /** Makes the name our owner's everywhere. */
  async #stay(owner: Owner): Promise<void> {
    const { node, name } = this.#context.options;
    // By then it may be on its way to a successor, or with it.
    const serves = (): boolean => this.#tenure.serving === owner;
    const registered = node.global.passName(name, owner.process.pid, serves);
    await this.#context.within(registered, this.#context.timing.handOffMs);
  }
}

function okPid(answer: Term | undefined): Pid | undefined {
  if (answer === undefined || !isTuple(answer)) return undefined;
  const value = okValue(answer);
  return value instanceof Pid ? value : undefined;
}
