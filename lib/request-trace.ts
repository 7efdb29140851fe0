/**
 * Request ids across nodes. A request that has to ask the owner of a global name is announced to the
 * owner's node, so that its log tells of it under the same id:
 *
 * ```
 * node that was asked                          node of the owner
 *   follow(operation, id, work) ──┐
 *   follow(operation, id, work) ──┤  once a turn of the event loop
 *                                 └─ {requests, Node, Operation, [Id]} ──▶ event `request.arrived`
 * ```
 *
 * The announcement goes beside the call, not in it: the calls stay what every owner understands, an Elixir
 * one included, and a node that knows no announcements never hears of them, since nobody has the name
 * {@link TRACE_NAME} there. One that is still unanswered when the name gets another owner is announced
 * to that one too.
 *
 * It costs nothing where nobody listens to `request.arrived` {} {node, peer, operation, requestIds}: a node
 * whose own log would not tell does not announce either.
 */
import {
  type Atom,
  atom,
  type DistributedNode,
  genServerChild,
  isAtom,
  isTuple,
  type Pid,
  startGenServer,
  type Term,
  tuple,
} from './distribution/index.ts';
import type { Child } from './supervisor/child.ts';
import type { Telemetry } from './telemetry/telemetry.ts';

/** Registered on every node that understands announcements. */
export const TRACE_NAME = 'Elixir.HelloDistributed.RequestTrace';

/** The event by which the owner's node tells. */
export const ARRIVED = 'request.arrived';

/** In one announcement, and so on one line of a log. */
const MAX_IDS = 100;
/** As long as a request id may be. */
const MAX_ID_LENGTH = 200;

const REQUESTS = atom('requests');

export interface RequestTraceOptions {
  readonly node: {
    readonly local: Pick<DistributedNode['local'], 'name' | 'processes'>;
    readonly client: Pick<DistributedNode['client'], 'cast'>;
    readonly global: Pick<DistributedNode['global'], 'whereisName' | 'onNameEvent'>;
  };
  /** the global name whose owner is asked */
  readonly name: Atom;
  readonly telemetry: Telemetry;
}

interface FollowedRequest {
  readonly operation: string;
  readonly requestId: string;
}

/** One per node and global name. */
export class RequestTrace {
  readonly #options: RequestTraceOptions;
  readonly #unanswered = new Set<FollowedRequest>();
  /** node -> operation -> ids, for the end of this turn */
  #gathered = new Map<string, Map<string, string[]>>();
  #scheduled: NodeJS.Immediate | undefined;
  #running = false;

  constructor(options: RequestTraceOptions) {
    this.#options = options;
  }

  /** Starts to announce, and to tell of what others announce, until the child is stopped. */
  async start(): Promise<Child> {
    const { local, global } = this.#options.node;
    const started = await startGenServer(
      local.processes,
      { handleCast: (message) => this.#arrived(message) },
      { name: TRACE_NAME },
    );
    if (started.type === 'ignore') throw new Error('expected the process of the trace to start');
    const unsubscribe = global.onNameEvent(({ type, name, pid }) => {
      if (type !== 'registered' || !isAtom(name, this.#options.name.name)) return;
      for (const request of this.#unanswered) this.#announce(pid, request);
    });
    this.#running = true;
    const child = genServerChild(started.process);
    void child.exited.then(() => {
      unsubscribe();
      this.#stop();
    });
    return child;
  }

  /**
   * Announces a request to whoever owns the name now or later, until it is answered.
   *
   * @returns `work` itself
   */
  follow<T>(operation: string, requestId: string | undefined, work: Promise<T>): Promise<T> {
    if (requestId === undefined || !this.#isWanted) return work;
    const request: FollowedRequest = { operation, requestId };
    this.#unanswered.add(request);
    const { global } = this.#options.node;
    this.#announce(global.whereisName(this.#options.name), request);
    const forget = (): void => {
      this.#unanswered.delete(request);
    };
    work.then(forget, forget);
    return work;
  }

  get #isWanted(): boolean {
    return this.#running && this.#options.telemetry.hasHandlers(ARRIVED);
  }

  #announce(owner: Pid | undefined, { operation, requestId }: FollowedRequest): void {
    if (owner === undefined || owner.node === this.#options.node.local.name) return;
    const operations = this.#gathered.get(owner.node) ?? new Map<string, string[]>();
    const ids = operations.get(operation) ?? [];
    ids.push(requestId);
    operations.set(operation, ids);
    this.#gathered.set(owner.node, operations);
    this.#scheduled ??= setImmediate(() => this.#send());
  }

  #send(): void {
    this.#scheduled = undefined;
    const gathered = this.#gathered;
    this.#gathered = new Map();
    const { local } = this.#options.node;
    for (const [node, operations] of gathered) {
      for (const [operation, ids] of operations) {
        for (let at = 0; at < ids.length; at += MAX_IDS) {
          const texts = ids.slice(at, at + MAX_IDS).map((id) => Buffer.from(id, 'utf8'));
          const message = tuple(REQUESTS, atom(local.name), atom(operation), texts);
          this.#cast(node, message);
        }
      }
    }
  }

  #cast(node: string, message: Term): void {
    try {
      this.#options.node.client.cast({ name: TRACE_NAME, node }, message);
    } catch (error) {
      // Of a node that has just stopped nobody can announce anything, and nobody waits for it.
      if (!(error instanceof Error && 'code' in error && error.code === 'stopped')) throw error;
    }
  }

  #arrived(message: Term): undefined {
    const announced = decodeAnnouncement(message);
    if (announced === undefined) return;
    const { local } = this.#options.node;
    this.#options.telemetry.execute(ARRIVED, {}, { node: local.name, ...announced });
  }

  #stop(): void {
    this.#running = false;
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    this.#gathered.clear();
    this.#unanswered.clear();
  }
}

interface Announcement {
  readonly peer: string;
  readonly operation: string;
  readonly requestIds: readonly string[];
}

/** Whatever else a peer sends is no announcement, and nothing to answer. */
function decodeAnnouncement(message: Term): Announcement | undefined {
  if (!isTuple(message, 4, 'requests')) return undefined;
  const [, peer, operation, ids] = message.elements;
  if (!isAtom(peer) || !isAtom(operation) || !Array.isArray(ids)) return undefined;
  const texts = (ids as readonly Term[]).filter((id) => id instanceof Uint8Array);
  if (texts.length !== ids.length || texts.length > MAX_IDS) return undefined;
  if (texts.some(({ length }) => length > MAX_ID_LENGTH)) return undefined;
  const requestIds = texts.map((id) => Buffer.from(id).toString('utf8'));
  return { peer: peer.name, operation: operation.name, requestIds };
}
