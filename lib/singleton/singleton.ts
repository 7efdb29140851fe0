/**
 * Exactly one of something in the cluster, started elsewhere when its node dies, with its state handed over.
 *
 * ```ts
 * const singleton = await Singleton.start({
 *   node,
 *   name: atom('clock'),           // registered globally: `GenServer.call({:global, :clock}, …)` finds it
 *   memberName: 'clock_member',    // registered locally on every node
 *   event: 'clock.owner',          // telemetry: clock.owner.taken_over, …
 *   role: {
 *     createServer: () => new ClockServer(state),
 *     exportState: () => state.encode(),
 *     mergeState: (term) => state.merge(term),
 *   },
 * });
 * await singleton.stop();          // hands over
 * ```
 *
 * **The contract.** Every node starts a member. One of them owns the name and runs the server; the others
 * keep what they are given.
 *
 * - *Race.* When the name is free, because nobody had it yet, the owner's process ended or its node went,
 *   the members try to register it: the one with the smallest name at once, each other a little later, so
 *   that they do not meet at `global`'s lock. `global` lets one win.
 * - *Collect.* The winner asks every connected member for its state and merges the answers; it waits for
 *   the slow ones only so long, and merges theirs when they come. Calls wait meanwhile.
 * - *Serve.* The role's server answers. A member that joins exchanges states with the owner; when one goes,
 *   the owner exchanges with all that stay, so that no state is left on one node alone.
 * - *Replicate.* What the owner must not lose before it answers it sends to one other member first, with
 *   {@link Singleton.replicate}.
 * - *Conflict.* When a split heals there are two owners, and `global` kills the one on the node with the
 *   greater name, as with any name. Its member gives the winner its state. `global` does not see every
 *   such conflict, so the members settle the rest among themselves, in the same sense: `rivals.ts`.
 * - *Reconcile.* Until the winner has the loser's last state it may do what the loser has done already. A
 *   server that must not asks {@link SingletonServices.reconciled} first.
 * - *Hand-off.* A member that stops and owns the name gives it, with the state, to another; what still
 *   arrives at the old process is forwarded. A member that stops and does not own it gives the owner its
 *   state. Plain messages (no calls, no casts) are not forwarded.
 *
 * **What it asks of the role.** States merge: in any order, repeatedly, and partly; `mergeState` returns
 * false for what it does not understand. During a split there is an owner on each side, and the role has to
 * bear that. A server that ends by an error ends the singleton on that node with it, for a supervisor to
 * judge; the name is then free for the others.
 */
import {
  atom,
  isAtom,
  type Pid,
  type Process,
  ProcessExit,
  startGenServer,
  type Term,
} from '../distribution/index.ts';
import { Backup } from './backup.ts';
import { Contest } from './contest.ts';
import { MemberContext } from './context.ts';
import { Gate } from './gate.ts';
import { handOver, leave } from './hand-off.ts';
import { MemberServer } from './member-server.ts';
import { Members } from './members.ts';
import { BAD_STATE } from './messages.ts';
import { Rivals } from './rivals.ts';
import type { SingletonExit, SingletonOptions, SingletonServices } from './role.ts';
import { States } from './states.ts';
import { type Cause, type Owner, Tenure } from './tenure.ts';

export { DEFAULT_TIMING } from './context.ts';
export type {
  SingletonExit,
  SingletonOptions,
  SingletonRole,
  SingletonServices,
  SingletonTiming,
} from './role.ts';

const SHUTDOWN = atom('shutdown');

export class Singleton implements SingletonServices {
  /** Settles when it has stopped, or when the server or the member failed. */
  readonly exited: Promise<SingletonExit>;
  readonly #context: MemberContext;
  readonly #process: Process;
  readonly #members: Members;
  readonly #gate: Gate;
  readonly #states: States;
  readonly #backup: Backup;
  readonly #tenure: Tenure;
  readonly #rivals: Rivals;
  readonly #contest: Contest;
  readonly #server: MemberServer;
  #settleExit: (exit: SingletonExit) => void = () => undefined;
  #unsubscribe: () => void = () => undefined;
  #freeSinceMs: number;
  /** it was the owner, and has not yet told the next one what it knows */
  #owesState = false;
  #stopped = false;
  #stopping: Promise<void> | undefined;

  private constructor(options: SingletonOptions, process: Process) {
    this.#process = process;
    this.exited = new Promise((resolve) => {
      this.#settleExit = resolve;
    });
    const context = new MemberContext(options, process, {
      isLeaving: () => this.#isLeaving,
      onError: (error) => this.#end({ type: 'error', error }),
    });
    this.#context = context;
    this.#freeSinceMs = context.clock.now();
    this.#members = new Members({
      node: options.node,
      memberName: options.memberName,
      process,
      onJoin: (node) => this.#joined(node),
      onLeave: (node) => this.#left(node),
      owner: () => this.#tenure.servingPid,
      onOwner: (owner) => this.#rivals.heard(owner.node, owner),
    });
    const members = () => this.#members.names();
    this.#gate = new Gate(context.clock);
    this.#states = new States(context, this.#gate, {
      members,
      owner: () => this.#tenure.servingPid,
      onWord: (node, owner) => this.#rivals.heard(node, owner),
    });
    this.#backup = new Backup(context, members);
    this.#tenure = new Tenure(context, {
      services: this,
      onServe: (cause) => this.#serves(cause),
      onEnd: (owner, reason, successor) => this.#ownerEnded(owner, reason, successor),
    });
    this.#rivals = new Rivals(context, {
      gate: this.#gate,
      members: this.#members,
      states: this.#states,
      tenure: this.#tenure,
    });
    this.#contest = new Contest(context, this.#members, this.#states, this.#tenure);
    this.#server = new MemberServer(context, {
      members: this.#members,
      states: this.#states,
      rivals: this.#rivals,
      tenure: this.#tenure,
      backup: this.#backup,
    });
  }

  /**
   * Starts the member of this node; resolves when the name has an owner, here or elsewhere.
   *
   * @throws {ProcessExit} when a member runs here already
   */
  static async start(options: SingletonOptions): Promise<Singleton> {
    const late: { server?: MemberServer } = {};
    const started = await startGenServer(
      options.node.local.processes,
      {
        handleCall: (request, from) =>
          late.server?.handleCall(request, from) ?? { reply: BAD_STATE },
        handleInfo: (message) => late.server?.handleInfo(message),
      },
      { name: options.memberName },
    );
    if (started.type === 'ignore') throw new ProcessExit(SHUTDOWN, 'the member did not start');
    const singleton = new Singleton(options, started.process);
    late.server = singleton.#server;
    try {
      await singleton.#start();
      return singleton;
    } catch (error) {
      singleton.kill();
      throw error;
    }
  }

  /** Whether this node's server owns the name and answers. */
  get isOwner(): boolean {
    return this.#tenure.owner?.serves === true;
  }

  /** The other members, smallest node name first. */
  members(): readonly string[] {
    return this.#members.names();
  }

  /** Whether a node runs a member of this singleton; one that is not reached does not. */
  hasMember(node: string): Promise<boolean> {
    return this.#members.knows(node);
  }

  replicate(state: Term): Promise<void> {
    return this.#backup.keep({ type: 'replicate', state });
  }

  /** Sends a part of the state to all other members; resolves when those have it that answer in time. */
  spread(state: Term): Promise<void> {
    return this.#backup.spread({ type: 'replicate', state });
  }

  reconciled(formerOwners: readonly Pid[]): Promise<void> | undefined {
    return this.#rivals.reconciled(formerOwners);
  }

  /**
   * Stops the member: hands over first, see the contract. Bounded; later calls return the same promise.
   * A process that has handed over goes on forwarding until its node stops.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Ends the member and its server at once, without hand-off. */
  kill(): void {
    this.#end({ type: 'shutdown' });
    this.#tenure.owner?.process.stop(SHUTDOWN);
  }

  #joined(node: string): void {
    if (this.#tenure.owner !== undefined) this.#context.background(this.#states.welcome(node));
  }

  #left(node: string): void {
    this.#rivals.forget(node);
    if (this.#tenure.serving !== undefined) this.#context.background(this.#states.synchronise());
  }

  // --- the name ---------------------------------------------------------------------------------

  async #start(): Promise<void> {
    const { node, name } = this.#context.options;
    void this.#process.exited.then((reason) => {
      const error = new ProcessExit(reason, 'the member process has ended');
      this.#end({ type: 'error', error });
    });
    this.#unsubscribe = node.global.onNameEvent((event) => {
      if (!isAtom(event.name, name.name)) return;
      if (event.type === 'registered') this.#registered(event.pid);
      else if (event.type === 'unregistered') this.#unregistered();
    });
    await this.#context.within(this.#members.start(), this.#context.timing.greetMs);
    await this.#contest.run();
  }

  #registered(pid: Pid): void {
    if (this.#isLeaving) return;
    const owner = this.#tenure.serving;
    if (owner !== undefined) {
      if (!pid.equals(owner.process.pid)) this.#rivals.displaced(owner, pid);
    } else if (this.#tenure.owner === undefined && this.#owesState) {
      this.#context.background(this.#payState(pid));
    }
  }

  #unregistered(): void {
    this.#freeSinceMs = this.#context.clock.now();
    // In a turn of its own: a name that changes hands is free for a moment.
    setImmediate(() => this.#context.background(this.#contest.run()));
  }

  #serves(cause: Cause): void {
    this.#owesState = false;
    const durationMs = this.#context.clock.now() - this.#freeSinceMs;
    this.#context.emit('taken_over', cause === 'free' ? { durationMs } : {}, { cause });
    this.#context.background(this.#states.synchronise());
  }

  #ownerEnded({ process }: Owner, reason: Term, successor: Pid | undefined): void {
    this.#rivals.forgetAll();
    if (this.#isLeaving) return;
    this.#owesState = true;
    const { crashError } = process;
    if (crashError !== undefined) {
      this.#end({ type: 'error', error: crashError });
      return;
    }
    this.#context.emit('ended', {}, { reason });
    const next = successor ?? this.#context.whereis();
    if (next !== undefined) this.#context.background(this.#payState(next));
    else this.#unregistered();
  }

  /** Gives what this node knows to the owner that came after it. */
  async #payState({ node }: Pid): Promise<void> {
    this.#owesState = false;
    if (node === this.#context.nodeName || !(await this.#members.knows(node))) return;
    this.#context.emit('lost', {}, { peer: node });
    await this.#states.exchange(node);
  }

  // --- the end ----------------------------------------------------------------------------------

  async #stop(): Promise<void> {
    const { owner } = this.#tenure;
    if (owner?.serves) await handOver(this.#context, this.#members, this.#states, owner);
    else await leave(this.#context, this.#backup, this.#states);
    this.#end({ type: 'shutdown' });
  }

  #end(exit: SingletonExit): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#unsubscribe();
    this.#members.stop();
    this.#gate.releaseAll();
    this.#process.stop(SHUTDOWN);
    const { owner } = this.#tenure;
    // One that waits for the name would get it for as long as the node takes to stop, and never answer.
    if (owner?.serves === false) this.#tenure.release(owner);
    // After a hand-off the old process goes on forwarding; after a failure the name has to be free.
    else if (exit.type === 'error') owner?.process.stop(SHUTDOWN);
    this.#settleExit(exit);
  }

  get #isLeaving(): boolean {
    return this.#stopped || this.#stopping !== undefined;
  }
}
