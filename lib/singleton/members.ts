import {
  CallError,
  compareNodeNames,
  type DistributedNode,
  Pid,
  type Process,
  ProcessExit,
  Reference,
  type Term,
} from '../distribution/index.ts';
import { encodeRequest, valueWithOwner } from './messages.ts';

export interface MembersOptions {
  readonly node: Pick<DistributedNode, 'local' | 'client'>;
  /** under which the member processes are registered on their nodes */
  readonly memberName: string;
  /** our member process: it monitors the others */
  readonly process: Process;
  readonly onJoin: (node: string) => void;
  readonly onLeave: (node: string) => void;
  /** the owner process of this node, while it serves: greetings tell */
  readonly owner: () => Pid | undefined;
  /** a member that we greeted has an owner that serves */
  readonly onOwner: (owner: Pid) => void;
}

interface Member {
  readonly pid: Pid;
  readonly ref: Reference;
  leaving: boolean;
}

/**
 * Which connected nodes run a member. Members greet each other when their nodes connect and when they
 * start, and monitor each other from then on. A node that has no such process is a stranger, such as an
 * Elixir node or a node of an older version.
 */
export class Members {
  readonly #options: MembersOptions;
  readonly #members = new Map<string, Member>();
  readonly #greetings = new Map<string, Promise<boolean>>();
  #unsubscribe: () => void = () => undefined;

  constructor(options: MembersOptions) {
    this.#options = options;
  }

  /** Greets every connected node, and from now on those that connect. Resolves when all have answered. */
  async start(): Promise<void> {
    const { local } = this.#options.node;
    this.#unsubscribe = local.onNodeEvent((event) => {
      if (event.type === 'nodeup' && event.visible) void this.knows(event.node);
    });
    await Promise.all(local.nodes().map((node) => this.knows(node)));
  }

  stop(): void {
    this.#unsubscribe();
    this.#members.clear();
  }

  /** The other members that are there to stay, smallest name first. */
  names(): string[] {
    const names: string[] = [];
    for (const [node, { leaving }] of this.#members) if (!leaving) names.push(node);
    return names.sort(compareNodeNames);
  }

  /** How many members have a smaller name than we: all can tell alike, without asking. */
  rank(): number {
    const { name } = this.#options.node.local;
    return this.names().filter((other) => compareNodeNames(other, name) < 0).length;
  }

  /**
   * Whether a node runs a member; asks it unless that is known. Never rejects: a node that is not reached
   * runs none.
   */
  knows(node: string): Promise<boolean> {
    if (node === this.#options.node.local.name || this.#members.has(node)) {
      return Promise.resolve(true);
    }
    let greeting = this.#greetings.get(node);
    if (greeting === undefined) {
      greeting = this.#greet(node).finally(() => this.#greetings.delete(node));
      this.#greetings.set(node, greeting);
    }
    return greeting;
  }

  /** A member says that it is there. */
  joined(pid: Pid): void {
    const { node } = pid;
    const known = this.#members.get(node);
    if (known?.pid.equals(pid)) return;
    if (known !== undefined) this.#options.process.demonitor(known.ref);
    const ref = this.#options.process.makeRef();
    this.#members.set(node, { pid, ref, leaving: false });
    this.#options.process.monitor(pid, { ref });
    this.#options.onJoin(node);
  }

  /** A member is about to leave: it is no candidate for anything any more. */
  leaving(node: string): void {
    const member = this.#members.get(node);
    if (member !== undefined) member.leaving = true;
  }

  /** Whether a member has said that it is about to leave, and is there still. */
  isLeaving(node: string): boolean {
    return this.#members.get(node)?.leaving === true;
  }

  /** A monitored process has ended. */
  down(ref: Term): void {
    for (const [node, member] of this.#members) {
      if (!(ref instanceof Reference) || member.ref.key !== ref.key) continue;
      this.#members.delete(node);
      this.#options.onLeave(node);
      return;
    }
  }

  async #greet(node: string): Promise<boolean> {
    const { node: own, memberName, process, owner, onOwner } = this.#options;
    const request = encodeRequest({ type: 'hello', member: process.pid, owner: owner() });
    try {
      const answer = await own.client.call({ name: memberName, node }, request, {
        timeoutMs: Number.POSITIVE_INFINITY,
      });
      const known = valueWithOwner(answer);
      const pid = known?.value;
      if (!(pid instanceof Pid && pid.node === node)) return false;
      if (!process.isAlive) return true;
      this.joined(pid);
      if (known?.owner !== undefined) onOwner(known.owner);
      return true;
    } catch (error) {
      // No such process, no connection, or we end: there is no member to be known.
      if (error instanceof CallError || error instanceof ProcessExit) return false;
      throw error;
    }
  }
}
