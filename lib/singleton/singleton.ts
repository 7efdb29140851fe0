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
 *   such conflict, so members tell each other whether they serve, whenever they greet and exchange states.
 *   Of two that serve the one on the smaller node stays: it registers itself anew everywhere when the
 *   other asks it, and the other ends once it has the answer. Nothing is done on hearsay: what was true
 *   when a message was sent is asked for again.
 * - *Hand-off.* A member that stops and owns the name gives it, with the state, to another; what still
 *   arrives at the old process is forwarded. A member that stops and does not own it gives the owner its
 *   state. Plain messages (no calls, no casts) are not forwarded.
 *
 * **What it asks of the role.** States merge: in any order, repeatedly, and partly; `mergeState` returns
 * false for what it does not understand. During a split there is an owner on each side, and the role has to
 * bear that. A server that ends by an error ends the singleton on that node with it, for a supervisor to
 * judge; the name is then free for the others.
 */
import { type Clock, systemClock } from '../clock.ts';
import {
  type Atom,
  atom,
  type CallResult,
  compareNodeNames,
  type DistributedNode,
  type From,
  type GenServer,
  isAtom,
  isTuple,
  Pid,
  type Process,
  ProcessExit,
  reply,
  startGenServer,
  type Term,
} from '../distribution/index.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import { Members } from './members.ts';
import {
  BAD_STATE,
  DONE,
  decodeRequest,
  encodeRequest,
  isDone,
  type MemberRequest,
  ok,
  okValue,
  okWithOwner,
  ownerTerm,
  valueWithOwner,
} from './messages.ts';
import { OwnerServer } from './owner-server.ts';

/** What there is to be exactly one of. */
export interface SingletonRole {
  /** Makes the server of the owner; its `init` runs when the states are merged. */
  createServer(singleton: Singleton): GenServer;
  /** All that this node knows. */
  exportState(): Term;
  /** Takes in what another node knows. @returns false if it is not understood */
  mergeState(state: Term, from: string): boolean;
  /** Resolves when the server has finished what it has begun by now, and its state says so. */
  suspend?(): Promise<void>;
}

export interface SingletonOptions {
  readonly node: Pick<DistributedNode, 'local' | 'client' | 'global'>;
  /** the global name */
  readonly name: Atom;
  /** the local name of the member process */
  readonly memberName: string;
  readonly role: SingletonRole;
  readonly telemetry?: Telemetry | undefined;
  /** prefix of the telemetry events */
  readonly event: string;
  readonly clock?: Clock;
  readonly timing?: Partial<SingletonTiming>;
}

/** How patient a singleton is; milliseconds. */
export interface SingletonTiming {
  /** how much later each further member tries to register the name */
  readonly staggerMs: number;
  /** longest wait for the other members at the start */
  readonly greetMs: number;
  /** longest wait of a new owner for the members' states */
  readonly collectMs: number;
  /** longest wait for a member to keep a state, before another is asked too */
  readonly replicateMs: number;
  /** longest wait for each member that is to take over, and for the name to change hands */
  readonly handOffMs: number;
}

/** Patience where nothing else is said. */
export const DEFAULT_TIMING: SingletonTiming = {
  staggerMs: 100,
  greetMs: 1_000,
  collectMs: 500,
  replicateMs: 250,
  handOffMs: 1_000,
};

/** Why a singleton has ended on this node. */
export type SingletonExit =
  | { readonly type: 'shutdown' }
  | { readonly type: 'error'; readonly error: unknown };

interface Owner {
  readonly server: OwnerServer;
  readonly process: Process;
  serves: boolean;
}

const SHUTDOWN = atom('shutdown');
/** the end of a process that `global` has killed */
const KILLED = atom('killed');

export class Singleton {
  /** Settles when it has stopped, or when the server or the member failed. */
  readonly exited: Promise<SingletonExit>;
  readonly #options: SingletonOptions;
  readonly #clock: Clock;
  readonly #timing: SingletonTiming;
  readonly #process: Process;
  readonly #members: Members;
  readonly #slow = new Set<string>();
  #settleExit: (exit: SingletonExit) => void = () => undefined;
  #unsubscribe: () => void = () => undefined;
  #owner: Owner | undefined;
  #freeSinceMs: number;
  #contending = false;
  /** nodes being asked whether they serve too; true: to be asked again */
  readonly #meetings = new Map<string, boolean>();
  #stopped = false;
  /** it was the owner, and has not yet told the next one what it knows */
  #owesState = false;
  #synchronising: Promise<void> | undefined;
  #synchroniseAgain = false;
  #stopping: Promise<void> | undefined;

  private constructor(options: SingletonOptions, process: Process) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#timing = { ...DEFAULT_TIMING, ...options.timing };
    this.#process = process;
    this.#freeSinceMs = this.#clock.now();
    this.exited = new Promise((resolve) => {
      this.#settleExit = resolve;
    });
    this.#members = new Members({
      node: options.node,
      memberName: options.memberName,
      process,
      onJoin: (node) => this.#joined(node),
      onLeave: () => this.#left(),
      owner: () => this.#serving?.process.pid,
      onOwner: (owner) => this.#heard(owner.node, owner),
    });
  }

  /**
   * Starts the member of this node; resolves when the name has an owner, here or elsewhere.
   *
   * @throws {ProcessExit} when a member runs here already
   */
  static async start(options: SingletonOptions): Promise<Singleton> {
    const late: { singleton?: Singleton } = {};
    const started = await startGenServer(
      options.node.local.processes,
      {
        handleCall: (request, from) =>
          late.singleton?.handleCall(request, from) ?? { reply: BAD_STATE },
        handleInfo: (message) => late.singleton?.handleInfo(message),
      },
      { name: options.memberName },
    );
    if (started.type === 'ignore') throw new ProcessExit(SHUTDOWN, 'the member did not start');
    const singleton = new Singleton(options, started.process);
    late.singleton = singleton;
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
    return this.#owner?.serves === true;
  }

  /** The other members, smallest node name first. */
  members(): readonly string[] {
    return this.#members.names();
  }

  /** Whether a node runs a member of this singleton; one that is not reached does not. */
  hasMember(node: string): Promise<boolean> {
    return this.#members.knows(node);
  }

  /**
   * Sends a state, or a part of one, to one other member; resolves when it has it, or when there is no
   * other member. A member that is slow is not waited for if there is another.
   */
  replicate(state: Term): Promise<void> {
    return this.#keepElsewhere(encodeRequest({ type: 'replicate', state }));
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
    this.#owner?.process.stop(SHUTDOWN);
  }

  // --- what other members ask -------------------------------------------------------------------

  /** Answers a member's request. */
  handleCall(term: Term, from: From): CallResult {
    const request = decodeRequest(term);
    if (request === undefined || this.#stopped) return { reply: BAD_STATE };
    const { node } = from.pid;
    switch (request.type) {
      case 'hello':
        this.#members.joined(request.member);
        this.#heard(node, request.owner);
        return { reply: this.#withOwner(this.#process.pid) };
      case 'collect':
        return { reply: this.#withOwner(this.#options.role.exportState()) };
      case 'merge':
        this.#heard(node, request.owner);
        return {
          reply: this.#merge(request.state, node)
            ? this.#withOwner(this.#options.role.exportState())
            : BAD_STATE,
        };
      case 'owner':
        return this.#isAskedWhoStays(from);
      case 'replicate':
        // Kept by one that is about to go it would be lost with the owner.
        if (this.#isLeaving) return { reply: BAD_STATE };
        return { reply: this.#merge(request.state, node) ? DONE : BAD_STATE };
      case 'leaving':
        return this.#peerLeaves(request, from);
      case 'take_over':
        return this.#takeOverFrom(request.state, from);
    }
  }

  /** A member has ended. */
  handleInfo(message: Term): void {
    if (isTuple(message, 5, 'DOWN')) this.#members.down(message.elements[1]!);
  }

  #peerLeaves({ node, state }: MemberRequest & { type: 'leaving' }, from: From): CallResult {
    if (!this.#merge(state, node)) return { reply: BAD_STATE };
    this.#members.leaving(node);
    // What the leaving node kept for us and is not in our state yet has to be in it first.
    const { role } = this.#options;
    const settled = this.#owner?.serves === true ? role.suspend?.() : undefined;
    this.#background(
      Promise.resolve(settled)
        .then(() => this.replicate(role.exportState()))
        .then(() => this.#reply(from, DONE)),
    );
    return { noReply: true };
  }

  #takeOverFrom(state: Term, from: From): CallResult {
    if (this.#stopping !== undefined || !this.#merge(state, from.pid.node)) {
      return { reply: BAD_STATE };
    }
    this.#members.leaving(from.pid.node);
    this.#background(
      this.#startOwner().then(async (owner) => {
        await this.#serve(owner, 'hand_off');
        this.#reply(from, ok(owner.process.pid));
      }),
    );
    return { noReply: true };
  }

  // --- the name ---------------------------------------------------------------------------------

  async #start(): Promise<void> {
    const { node, name } = this.#options;
    void this.#process.exited.then((reason) => {
      const error = new ProcessExit(reason, 'the member process has ended');
      this.#end({ type: 'error', error });
    });
    this.#unsubscribe = node.global.onNameEvent((event) => {
      if (!isAtom(event.name, name.name)) return;
      if (event.type === 'registered') this.#registered(event.pid);
      else if (event.type === 'unregistered') this.#unregistered();
    });
    await this.#within(this.#members.start(), this.#timing.greetMs);
    await this.#contend();
  }

  #registered(pid: Pid): void {
    if (this.#isLeaving) return;
    const owner = this.#serving;
    if (owner !== undefined && !pid.equals(owner.process.pid)) {
      if (this.#staysBefore(pid.node)) this.#background(this.#challenged(owner, pid));
      // Ours is not the one that everybody calls, whatever it was that `global` settled.
      else this.#yield(owner, pid);
    } else if (this.#owner === undefined && this.#owesState) {
      this.#background(this.#payState(pid));
    }
  }

  #unregistered(): void {
    this.#freeSinceMs = this.#clock.now();
    // In a turn of its own: a name that changes hands is free for a moment.
    setImmediate(() => this.#background(this.#contend()));
  }

  /** Tries to own the name as long as nobody does. */
  async #contend(): Promise<void> {
    if (this.#contending) return;
    this.#contending = true;
    try {
      const { global } = this.#options.node;
      const { name } = this.#options;
      while (!this.#isLeaving && global.whereisName(name) === undefined) {
        const delayMs = this.#members.rank() * this.#timing.staggerMs;
        if (delayMs > 0) await global.waitForName(name, { timeoutMs: delayMs });
        if (this.#isLeaving || global.whereisName(name) !== undefined) return;
        await this.#tryToOwn();
      }
    } finally {
      this.#contending = false;
    }
  }

  async #tryToOwn(): Promise<void> {
    const { node, name } = this.#options;
    // There is one already when a node that was handing over to us ended before the name was ours.
    const owner = this.#owner ?? (await this.#startOwner());
    const { global } = node;
    const won = await global.registerName(name, owner.process.pid);
    if (owner.serves) return;
    const isTaken = won && !this.#isLeaving && (await this.#collect());
    // Its name may have gone to another meanwhile, which then serves.
    const isOurs = global.whereisName(name)?.equals(owner.process.pid) === true;
    if (isOurs && !isTaken && !this.#isLeaving) {
      await this.#serve(owner, 'free');
      return;
    }
    if (this.#owner === owner) this.#owner = undefined;
    owner.server.abandon();
  }

  async #startOwner(): Promise<Owner> {
    const server = new OwnerServer();
    // Its outcome is told by the process itself.
    startGenServer(this.#options.node.local.processes, server).catch(() => undefined);
    const process = await server.process;
    const owner: Owner = { server, process, serves: false };
    this.#owner = owner;
    void process.exited.then((reason) => this.#ownerEnded(owner, reason));
    return owner;
  }

  async #serve(owner: Owner, cause: 'free' | 'hand_off'): Promise<void> {
    owner.serves = true;
    this.#owesState = false;
    await owner.server.serve(this.#options.role.createServer(this));
    const durationMs = this.#clock.now() - this.#freeSinceMs;
    this.#emit('taken_over', cause === 'free' ? { durationMs } : {}, { cause });
    this.#background(this.#synchronise());
  }

  #ownerEnded(owner: Owner, reason: Term): void {
    if (this.#owner !== owner) return;
    this.#owner = undefined;
    if (!owner.serves || this.#isLeaving) return;
    this.#owesState = true;
    const { crashError } = owner.process;
    if (crashError !== undefined) {
      this.#end({ type: 'error', error: crashError });
      return;
    }
    this.#emit('ended', {}, { reason });
    const { node, name } = this.#options;
    const next = node.global.whereisName(name);
    if (next !== undefined) this.#background(this.#payState(next));
    else this.#unregistered();
  }

  /** Gives what this node knows to the owner that came after it. */
  async #payState(owner: Pid): Promise<void> {
    this.#owesState = false;
    const { node } = owner;
    if (node === this.#options.node.local.name || !(await this.#members.knows(node))) return;
    this.#emit('lost', {}, { peer: node });
    await this.#exchange(node);
  }

  // --- two owners -------------------------------------------------------------------------------

  /** Our owner, while it serves and is there to stay. */
  get #serving(): Owner | undefined {
    return this.#owner?.serves === true && !this.#isLeaving ? this.#owner : undefined;
  }

  #withOwner(value: Term): Term {
    return okWithOwner(value, this.#serving?.process.pid);
  }

  /** Whether our owner stays when there is one on that node too: as `global` has it. */
  #staysBefore(node: string): boolean {
    return compareNodeNames(this.#options.node.local.name, node) < 0;
  }

  /** A member has said that its owner serves, when it sent that. */
  #heard(node: string, owner: Pid | undefined): void {
    if (owner === undefined || owner.node !== node || this.#serving === undefined) return;
    this.#background(this.#meet(node));
  }

  async #meet(node: string): Promise<void> {
    if (this.#meetings.has(node)) {
      this.#meetings.set(node, true);
      return;
    }
    try {
      do {
        this.#meetings.set(node, false);
        await this.#askWhoStays(node);
      } while (this.#meetings.get(node) === true);
    } finally {
      this.#meetings.delete(node);
    }
  }

  /** Asks a member whether it still serves. If it does and is to stay it has the name by its answer. */
  async #askWhoStays(node: string): Promise<void> {
    const owner = this.#serving;
    if (owner === undefined) return;
    const request = encodeRequest({ type: 'owner', owner: owner.process.pid });
    const answer = await this.#callMember(node, request, Number.POSITIVE_INFINITY);
    const other = answer === undefined ? undefined : okValue(answer);
    // One that is not to stay asks us in turn.
    if (!(other instanceof Pid) || this.#staysBefore(node)) return;
    if (this.#serving === owner) this.#yield(owner, other);
  }

  #isAskedWhoStays(from: From): CallResult {
    const { node } = from.pid;
    const owner = this.#serving;
    if (owner !== undefined && this.#staysBefore(node)) {
      this.#background(
        this.#stay(owner).then(() => this.#reply(from, ok(ownerTerm(this.#serving?.process.pid)))),
      );
      return { noReply: true };
    }
    if (owner !== undefined) this.#background(this.#meet(node));
    return { reply: ok(ownerTerm(owner?.process.pid)) };
  }

  /** Our owner's name has been given to a process of a node that is not to stay before us. */
  async #challenged(owner: Owner, by: Pid): Promise<void> {
    const isMember = await this.#members.knows(by.node);
    if (this.#serving !== owner) return;
    if (isMember) await this.#stay(owner);
    // A stranger has it: nobody there could yield.
    else this.#yield(owner, by);
  }

  /** Makes the name our owner's everywhere. */
  async #stay(owner: Owner): Promise<void> {
    const { node, name } = this.#options;
    const registered = node.global.reRegisterName(name, owner.process.pid);
    await this.#within(registered, this.#timing.handOffMs);
    if (this.#serving === owner) this.#background(this.#synchronise());
  }

  /** Our owner ends, and its state goes to the one that stays. */
  #yield(owner: Owner, to: Pid): void {
    this.#owner = undefined;
    this.#owesState = true;
    owner.process.stop(KILLED);
    this.#emit('ended', {}, { reason: KILLED });
    this.#background(this.#payState(to));
  }

  // --- states -----------------------------------------------------------------------------------

  #joined(node: string): void {
    if (this.#owner !== undefined) this.#background(this.#exchange(node));
  }

  #left(): void {
    if (this.isOwner && !this.#isLeaving) this.#background(this.#synchronise());
  }

  #merge(state: Term, from: string): boolean {
    const understood = this.#options.role.mergeState(state, from);
    if (!understood) this.#emit('state_refused', {}, { peer: from });
    return understood;
  }

  /** @returns whether one serves that stays before us: the name was only seen as free */
  async #collect(): Promise<boolean> {
    let isTaken = false;
    const all = this.#members.names().map(async (node) => {
      const owner = await this.#ask(node, { type: 'collect' });
      if (owner?.node === node && !this.#staysBefore(node)) isTaken = true;
    });
    await this.#within(Promise.all(all), this.#timing.collectMs);
    return isTaken;
  }

  async #exchange(node: string): Promise<void> {
    const state = this.#options.role.exportState();
    await this.#ask(node, { type: 'merge', state, owner: this.#serving?.process.pid });
  }

  /**
   * Asks for a state and merges it, whenever it comes.
   *
   * @returns the owner of that member, if that serves
   */
  async #ask(node: string, request: MemberRequest): Promise<Pid | undefined> {
    const answer = await this.#callMember(node, encodeRequest(request), Number.POSITIVE_INFINITY);
    const known = answer === undefined ? undefined : valueWithOwner(answer);
    if (known === undefined || this.#stopped) return undefined;
    this.#merge(known.value, node);
    this.#heard(node, known.owner);
    return known.owner;
  }

  /** Exchanges states with every member. One round at a time: what happens during one begins another. */
  #synchronise(): Promise<void> {
    if (this.#synchronising !== undefined) {
      this.#synchroniseAgain = true;
      return this.#synchronising;
    }
    const round = async (): Promise<void> => {
      do {
        this.#synchroniseAgain = false;
        const all = Promise.all(this.#members.names().map((node) => this.#exchange(node)));
        await this.#within(all, this.#timing.collectMs);
      } while (this.#synchroniseAgain && !this.#isLeaving);
    };
    this.#synchronising = round().finally(() => {
      this.#synchronising = undefined;
    });
    return this.#synchronising;
  }

  #keepElsewhere(request: Term): Promise<void> {
    return new Promise((resolve) => {
      const asked = new Set<string>();
      let waiting = 0;
      let done = false;
      const ask = (): void => {
        if (done) return;
        const next = this.#nextBackup(asked);
        if (next === undefined) {
          done = waiting === 0;
          if (done) resolve();
          return;
        }
        asked.add(next);
        waiting += 1;
        const cancel = this.#clock.setTimer(this.#timing.replicateMs, () => {
          this.#slow.add(next);
          ask();
        });
        void this.#callMember(next, request, Number.POSITIVE_INFINITY).then((answer) => {
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

  /** The smallest name, so that it stays the same; those that were slow last time come last. */
  #nextBackup(asked: ReadonlySet<string>): string | undefined {
    const names = this.#members.names().filter((node) => !asked.has(node));
    return names.find((node) => !this.#slow.has(node)) ?? names[0];
  }

  // --- the end ----------------------------------------------------------------------------------

  async #stop(): Promise<void> {
    const owner = this.#owner;
    if (owner?.serves) await this.#handOver(owner);
    else await this.#leave();
    this.#end({ type: 'shutdown' });
  }

  async #handOver(owner: Owner): Promise<void> {
    const { role, node, name } = this.#options;
    const startedAtMs = this.#clock.now();
    owner.server.hold();
    await this.#within(role.suspend?.() ?? Promise.resolve(), this.#timing.handOffMs);
    for (const peer of this.#members.names()) {
      const request = encodeRequest({ type: 'take_over', state: role.exportState() });
      const answer = await this.#callMember(peer, request, this.#timing.handOffMs);
      const successor = answer === undefined ? undefined : okValue(answer);
      if (!(successor instanceof Pid)) continue;
      await owner.server.forward(successor);
      await this.#within(node.global.reRegisterName(name, successor), this.#timing.handOffMs);
      const durationMs = this.#clock.now() - startedAtMs;
      this.#emit('handed_over', { durationMs }, { peer });
      return;
    }
    // Nobody is there to take it.
    await owner.server.release();
    owner.process.shutdown();
    await this.#within(owner.process.exited, this.#timing.handOffMs);
  }

  /** What only this node and the owner know must not stay with the owner alone. */
  async #leave(): Promise<void> {
    const { role, node, name } = this.#options;
    const owner = node.global.whereisName(name)?.node;
    const others = this.#members.names();
    const peers = [...new Set([...others.filter((peer) => peer === owner), ...others])];
    const request = encodeRequest({
      type: 'leaving',
      node: node.local.name,
      state: role.exportState(),
    });
    for (const peer of peers) {
      const answer = await this.#callMember(peer, request, this.#timing.handOffMs);
      if (answer !== undefined && isDone(answer)) return;
    }
  }

  #end(exit: SingletonExit): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#unsubscribe();
    this.#members.stop();
    this.#process.stop(SHUTDOWN);
    // After a hand-off the old process goes on forwarding; after a failure the name has to be free.
    if (exit.type === 'error') this.#owner?.process.stop(SHUTDOWN);
    this.#settleExit(exit);
  }

  get #isLeaving(): boolean {
    return this.#stopped || this.#stopping !== undefined;
  }

  // ----------------------------------------------------------------------------------------------

  /** @returns `undefined` when there is no answer: the member has ended, or has not answered in time */
  async #callMember(node: string, request: Term, timeoutMs: number): Promise<Term | undefined> {
    const { client } = this.#options.node;
    const destination = { name: this.#options.memberName, node };
    try {
      return await client.call(destination, request, { timeoutMs });
    } catch (error) {
      if (this.#isNoAnswer(error)) return undefined;
      throw error;
    }
  }

  #isNoAnswer(error: unknown): boolean {
    return error instanceof ProcessExit || (error instanceof Error && error.name === 'CallError');
  }

  #reply(from: From, answer: Term): void {
    reply(this.#options.node.local.processes, from, answer, this.#process.pid);
  }

  /** For what nobody waits for: an error of ours ends the singleton, one of a node that stops does not. */
  #background(work: Promise<unknown>): void {
    work.catch((error: unknown) => {
      if (this.#isLeaving || this.#isStopError(error)) return;
      this.#end({ type: 'error', error });
    });
  }

  #isStopError(error: unknown): boolean {
    if (error instanceof ProcessExit) return true;
    return error instanceof Error && 'code' in error && error.code === 'distribution_off';
  }

  #emit(event: string, measurements: Record<string, number>, metadata: object): void {
    const { telemetry, node, event: prefix } = this.#options;
    telemetry?.execute(`${prefix}.${event}`, measurements, { node: node.local.name, ...metadata });
  }

  /** Waits for `work`, but no longer than `timeoutMs`; it goes on all the same. */
  #within(work: Promise<unknown>, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const cancelTimer = this.#clock.setTimer(timeoutMs, resolve);
      const settle = (): void => {
        cancelTimer();
        resolve();
      };
      work.then(settle, (error: unknown) => {
        cancelTimer();
        if (this.#isStopError(error)) resolve();
        else reject(error);
      });
    });
  }
}
