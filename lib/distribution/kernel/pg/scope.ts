/**
 * Process groups, as OTP's `pg`: a scope on each node, groups of processes in it, and each node knows the
 * members of all.
 *
 * ```ts
 * const scope = PgScope.start({ node: node.local, scope: 'pg' });
 * scope.join(atom('workers'), worker.pid);
 * scope.members(atom('workers')); // of all nodes
 * ```
 *
 * A scope is a process, registered under the scope's name; scopes of one name on different nodes find
 * each other when the nodes connect. Each tells the others of its own members, monitors those, and
 * believes the others; it forgets the members of another scope when that ends or its node goes away.
 * Only visible nodes take part. There are no locks: what one node sees may be a moment old.
 *
 * ```
 * nodeup, or our start        ── discover ──▶        the scope of that name there
 * discover from P             ── sync ──────▶ P,     and if P is new: monitor it, ── discover ──▶ P
 * join, leave, a member ends  ── join, leave ▶       every scope that is known
 * ```
 *
 * The members of a scope that ends are forgotten with it; who starts it again has to let them join again.
 * A message that is none of the protocol is ignored, and reported as `distribution.message.ignored`.
 *
 * @see OTP `pg`; reference 8.1 and 8.2
 */
import type { Telemetry } from '../../../telemetry/telemetry.ts';
import { ProcessError } from '../../errors.ts';
import type { ClusterNode, NodeEvent } from '../../node/cluster-node.ts';
import type { Destination, Process } from '../../process/process.ts';
import { atom } from '../../terms/atom.ts';
import { encodeExternal } from '../../terms/encode.ts';
import { Pid } from '../../terms/pid.ts';
import { Reference } from '../../terms/reference.ts';
import { isTuple, type Term, type Tuple } from '../../terms/term.ts';
import { termEquals } from '../../terms/term-equals.ts';
import { type IgnoredMessage, reportIgnored } from '../ignored-message.ts';
import { type GroupListener, GroupMonitors } from './group-monitors.ts';
import { GroupTable, subtract } from './group-table.ts';
import {
  decodePgMessage,
  encodeDiscover,
  encodeJoin,
  encodeLeave,
  encodeSync,
  type Membership,
  type PgMessage,
} from './messages.ts';

/** The scope that OTP's functions mean when they are given none. */
export const DEFAULT_SCOPE = 'pg';

export interface PgScopeOptions {
  readonly node: ClusterNode;
  /** the name under which the scope is registered; default {@link DEFAULT_SCOPE} */
  readonly scope?: string;
  readonly telemetry?: Telemetry | undefined;
  readonly limits?: Partial<PgLimits>;
}

/** What other nodes can make us remember. Whatever goes beyond is ignored and reported. */
export interface PgLimits {
  /** members of one remote scope, each counted as often as it has joined */
  readonly maxMembershipsPerScope: number;
  /** scopes of one node: more than one only between the end of one and the news of it */
  readonly maxScopesPerNode: number;
}

/** Far beyond what an honest scope tells of. */
export const DEFAULT_PG_LIMITS: PgLimits = {
  maxMembershipsPerScope: 1_000_000,
  maxScopesPerNode: 16,
};

/** A monitor of groups, with what was there when it was made. */
export interface GroupMonitor<Snapshot> {
  readonly now: Snapshot;
  /** Ends it. */
  stop(): void;
}

/** What ends when a monitor of the scope's process fires. */
type Monitored = { readonly type: 'member' | 'scope'; readonly pid: Pid };

/** A local member: its monitor, and its groups, each as often as it has joined. */
interface Member {
  readonly ref: Reference;
  readonly groups: Term[];
}

const SHUTDOWN = atom('shutdown');
const NO_CONNECT = { connect: false };
/** The owner of local members in the table; pids of remote scopes name the others. */
const OURS = '';

export class PgScope {
  readonly name: string;
  /** Its end is the end of the scope. */
  readonly process: Process;
  readonly #node: ClusterNode;
  readonly #limits: PgLimits;
  readonly #table = new GroupTable();
  readonly #monitors: GroupMonitors;
  readonly #onIgnored: IgnoredMessage;
  /** local members, by pid */
  readonly #members = new Map<string, Member>();
  /** remote scopes, by pid */
  readonly #scopes = new Map<string, Pid>();
  /** by reference */
  readonly #monitored = new Map<string, Monitored>();
  readonly #removeNodeListener: () => void;

  private constructor(options: PgScopeOptions) {
    const { node, scope = DEFAULT_SCOPE, telemetry } = options;
    this.name = scope;
    this.#node = node;
    this.#limits = { ...DEFAULT_PG_LIMITS, ...options.limits };
    this.#onIgnored = reportIgnored(telemetry, node.name);
    this.#monitors = new GroupMonitors((error) =>
      telemetry?.execute('pg.listener.failure', {}, { node: node.name, scope, error }),
    );
    this.process = node.processes.spawnServer({
      name: scope,
      onMessage: (message) => this.#receive(message),
    });
    this.#removeNodeListener = node.onNodeEvent((event) => this.#nodeEvent(event));
    this.process.signal.addEventListener('abort', () => this.#release(), { once: true });
  }

  /**
   * Starts a scope and makes it known to the nodes that are connected.
   *
   * @throws {ProcessError} `name_taken` when it runs already, `bad_name`, or `stopped`
   */
  static start(options: PgScopeOptions): PgScope {
    const scope = new PgScope(options);
    for (const node of options.node.nodes()) scope.#discover(node);
    return scope;
  }

  get isRunning(): boolean {
    return this.process.isAlive;
  }

  /**
   * Adds processes of this node to a group, once more if they are in it already. They leave when they end.
   *
   * @throws {ProcessError} `noproc` for a process of another node, or when the scope has ended
   * @throws {TermError} `unencodable` for a group whose name is no term
   */
  join(group: Term, members: Pid | readonly Pid[]): void {
    const pids = members instanceof Pid ? [members] : [...members];
    this.#assertLocal(pids);
    // A name that cannot be sent must fail here, not when the next node asks for our groups.
    encodeExternal(encodeSync(this.process.pid, [[group, []]]));
    if (pids.length === 0) return;
    this.#table.add(OURS, group, pids);
    const joined = pids.filter((pid) => this.#enter(pid, group));
    this.#tellScopes(encodeJoin(this.process.pid, group, pids));
    this.#monitors.emit({ type: 'join', group, members: pids });
    // Last, because the monitor of one that has ended fires at once.
    for (const pid of joined) this.#watchMember(pid);
  }

  /**
   * Takes processes of this node out of a group, each once.
   *
   * @returns false when none of them was in it
   * @throws {ProcessError} as {@link join}
   */
  leave(group: Term, members: Pid | readonly Pid[]): boolean {
    const pids = members instanceof Pid ? [members] : members;
    this.#assertLocal(pids);
    const removed = this.#table.remove(OURS, group, pids);
    if (removed.length === 0) return false;
    for (const pid of removed) this.#unwatchMember(pid, group);
    this.#tellScopes(encodeLeave(this.process.pid, removed, [group]));
    this.#monitors.emit({ type: 'leave', group, members: removed });
    return true;
  }

  /** The members of a group on all nodes, in no order; who has joined twice is there twice. */
  members(group: Term): readonly Pid[] {
    return this.#table.members(group);
  }

  /** The members of a group on this node. */
  localMembers(group: Term): readonly Pid[] {
    return this.#table.membersOf(OURS, group);
  }

  /** The groups that have members, on whichever node. */
  whichGroups(): Term[] {
    return this.#table.groups();
  }

  /** The groups that have members on this node. */
  whichLocalGroups(): Term[] {
    return this.#table.groupsOf(OURS).map(([group]) => group);
  }

  /** Reports who joins and leaves a group from now on, on whichever node; `now` are its members now. */
  monitor(group: Term, listener: GroupListener): GroupMonitor<readonly Pid[]> {
    this.#assertRunning();
    return { now: this.members(group), stop: this.#monitors.add(group, listener) };
  }

  /** As {@link monitor}, for all groups. */
  monitorScope(listener: GroupListener): GroupMonitor<readonly Membership[]> {
    this.#assertRunning();
    const now = this.whichGroups().map((group) => [group, this.members(group)] as const);
    return { now, stop: this.#monitors.add(undefined, listener) };
  }

  /** Ends the scope. Other nodes forget its members, and it those of other nodes. */
  stop(): void {
    this.process.stop(SHUTDOWN);
  }

  // What other scopes say. ------------------------------------------------------------------------

  #receive(message: Term): void {
    if (isTuple(message, 5, 'DOWN')) {
      this.#down(message);
      return;
    }
    const decoded = decodePgMessage(message);
    if (decoded === undefined || !this.#apply(decoded)) this.#onIgnored(this.name, message);
  }

  /** @returns whether the message made sense */
  #apply(message: PgMessage): boolean {
    const { scope } = message;
    switch (message.type) {
      case 'discover':
        return this.#discovered(scope);
      case 'sync':
        return this.#sync(scope, message.groups);
      case 'join':
        if (!this.#scopes.has(scope.key)) return false;
        if (!this.#hasRoom(scope, message.members.length)) return false;
        this.#table.add(scope.key, message.group, message.members);
        this.#monitors.emit({ type: 'join', group: message.group, members: message.members });
        return true;
      case 'leave':
        if (!this.#scopes.has(scope.key)) return false;
        for (const group of message.groups) {
          const members = this.#table.remove(scope.key, group, message.members);
          this.#monitors.emit({ type: 'leave', group, members });
        }
        return true;
    }
  }

  #discovered(scope: Pid): boolean {
    const isNew = !this.#scopes.has(scope.key);
    if (isNew && !this.#meet(scope)) return false;
    this.#send(scope, encodeSync(this.process.pid, this.#table.groupsOf(OURS)));
    if (isNew) this.#send(scope, encodeDiscover(this.process.pid));
    return true;
  }

  /** Replaces what the scope has told of its members. Only what has changed is an event. */
  #sync(scope: Pid, groups: readonly Membership[]): boolean {
    let count = 0;
    for (const [, members] of groups) count += members.length;
    if (count > this.#limits.maxMembershipsPerScope) return false;
    if (!this.#scopes.has(scope.key) && !this.#meet(scope)) return false;
    const before = this.#table.removeOwner(scope.key);
    for (const [group, members] of groups) this.#table.add(scope.key, group, members);
    const old = new GroupTable();
    for (const [group, members] of before) {
      old.add(OURS, group, members);
      const gone = subtract(members, this.#table.membersOf(scope.key, group)).left;
      this.#monitors.emit({ type: 'leave', group, members: gone });
    }
    for (const [group, members] of this.#table.groupsOf(scope.key)) {
      const added = subtract(members, old.membersOf(OURS, group)).left;
      this.#monitors.emit({ type: 'join', group, members: added });
    }
    return true;
  }

  /**
   * Keeps an eye on a scope that is new to us. One that claims to be on a node that is not connected, or
   * hidden, is what is left of a connection that has ended, or a lie.
   */
  #meet(scope: Pid): boolean {
    if (!this.#node.nodes().includes(scope.node)) return false;
    let count = 0;
    for (const { node } of this.#scopes.values()) if (node === scope.node) count += 1;
    if (count >= this.#limits.maxScopesPerNode) return false;
    this.#scopes.set(scope.key, scope);
    this.#watch(scope, 'scope');
    return true;
  }

  #hasRoom(scope: Pid, count: number): boolean {
    return this.#table.memberships(scope.key) + count <= this.#limits.maxMembershipsPerScope;
  }

  #down(message: Tuple): void {
    const ref = message.elements[1];
    const monitored = ref instanceof Reference ? this.#monitored.get(ref.key) : undefined;
    if (!(ref instanceof Reference) || monitored === undefined) {
      this.#onIgnored(this.name, message);
      return;
    }
    this.#monitored.delete(ref.key);
    if (monitored.type === 'member') this.#memberEnded(monitored.pid);
    else this.#scopeEnded(monitored.pid);
  }

  #memberEnded(pid: Pid): void {
    const member = this.#members.get(pid.key);
    if (member === undefined) return;
    this.#members.delete(pid.key);
    for (const group of member.groups) this.#table.remove(OURS, group, [pid]);
    this.#tellScopes(encodeLeave(this.process.pid, [pid], member.groups));
    for (const group of member.groups) {
      this.#monitors.emit({ type: 'leave', group, members: [pid] });
    }
  }

  #scopeEnded(scope: Pid): void {
    this.#scopes.delete(scope.key);
    for (const [group, members] of this.#table.removeOwner(scope.key)) {
      this.#monitors.emit({ type: 'leave', group, members });
    }
  }

  // Inside. ---------------------------------------------------------------------------------------

  #nodeEvent(event: NodeEvent): void {
    // A node that goes away takes its scopes along: their monitors have fired.
    if (event.type === 'nodeup' && event.visible) this.#discover(event.node);
  }

  #discover(node: string): void {
    this.#send({ name: this.name, node }, encodeDiscover(this.process.pid));
  }

  #tellScopes(message: Tuple): void {
    for (const scope of this.#scopes.values()) this.#send(scope, message);
  }

  /** Nothing of `pg` dials. */
  #send(to: Destination, message: Tuple): void {
    this.process.send(to, message, NO_CONNECT);
  }

  /** @returns whether it is a member from now on, of whichever group */
  #enter(pid: Pid, group: Term): boolean {
    const member = this.#members.get(pid.key);
    if (member !== undefined) member.groups.push(group);
    else this.#members.set(pid.key, { ref: this.process.makeRef(), groups: [group] });
    return member === undefined;
  }

  /** A listener that heard of it may have taken it out again, and then in once more, watched already. */
  #watchMember(pid: Pid): void {
    const ref = this.#members.get(pid.key)?.ref;
    if (ref !== undefined && !this.#monitored.has(ref.key)) this.#watch(pid, 'member', ref);
  }

  #unwatchMember(pid: Pid, group: Term): void {
    const member = this.#members.get(pid.key);
    if (member === undefined) return;
    const at = member.groups.findIndex((joined) => termEquals(joined, group));
    if (at >= 0) member.groups.splice(at, 1);
    if (member.groups.length > 0) return;
    this.#members.delete(pid.key);
    this.#monitored.delete(member.ref.key);
    this.process.demonitor(member.ref, { flush: true });
  }

  #watch(pid: Pid, type: Monitored['type'], ref = this.process.makeRef()): void {
    this.#monitored.set(ref.key, { type, pid });
    this.process.monitor(pid, { ref });
  }

  #assertLocal(pids: readonly Pid[]): void {
    this.#assertRunning();
    const { name, creation } = this.#node;
    const other = pids.find((pid) => pid.node !== name || pid.creation !== creation);
    if (other !== undefined) {
      throw new ProcessError('noproc', `expected a process of this node, ${name}, got ${other}`);
    }
  }

  #assertRunning(): void {
    if (this.isRunning) return;
    throw new ProcessError('noproc', `expected the scope ${this.name} to run, it has ended`);
  }

  #release(): void {
    this.#removeNodeListener();
    this.#monitors.clear();
    this.#table.clear();
    this.#members.clear();
    this.#scopes.clear();
    this.#monitored.clear();
  }
}
