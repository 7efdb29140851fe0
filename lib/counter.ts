/**
 * The cluster's one counter: a GenServer registered globally, and the functions to call it.
 *
 * It answers the calls `get` and `increment` (atoms) exactly as the Elixir module
 * `HelloDistributed.DistributedCounter` does, under that module's name, so either side can own it
 * and either side can call it.
 */
import {
  atom,
  CallError,
  type CallResult,
  DEFAULT_CALL_TIMEOUT_MS,
  type DistributedNode,
  type GenServer,
  type GenServerClient,
  type GlobalNames,
  genServerChild,
  isAtom,
  type Pid,
  startGenServer,
  type Term,
  tuple,
} from './distribution/index.ts';

/** The atom under which the counter is registered, an Elixir module name. */
export const COUNTER_NAME = atom('Elixir.HelloDistributed.DistributedCounter');

const GET = atom('get');
const INCREMENT = atom('increment');

/** The counter's callbacks. It counts on exactly beyond 2^53. */
export class CounterServer implements GenServer {
  #count: number | bigint;

  constructor(initial: number | bigint = 0) {
    this.#count = initial;
  }

  handleCall(request: Term): CallResult {
    if (isAtom(request, 'get')) return { reply: this.#count };
    if (isAtom(request, 'increment')) {
      this.#count = successor(this.#count);
      return { reply: this.#count };
    }
    // A stranger's mistake must not cost the value, so unlike the Elixir module we do not crash.
    return { reply: tuple(atom('error'), tuple(atom('unknown_request'), request)) };
  }
}

/** Counts on exactly beyond 2^53, where a JavaScript number cannot. */
function successor(count: number | bigint): number | bigint {
  if (typeof count === 'bigint') return count + 1n;
  return count < Number.MAX_SAFE_INTEGER ? count + 1 : BigInt(count) + 1n;
}

/**
 * Starts the counter on this node, unless it exists elsewhere in the cluster: then `ignore`, as in
 * the Elixir original. A counter that is killed because two parts of a cluster met, and the other
 * part's was kept, ends up there too when its supervisor starts it again.
 */
export async function startCounter({
  local,
  global,
}: DistributedNode): Promise<ReturnType<typeof genServerChild> | 'ignore'> {
  if (global.whereisName(COUNTER_NAME) !== undefined) return 'ignore';
  const started = await startGenServer(local.processes, new CounterServer());
  if (started.type === 'ignore') return 'ignore';
  if (await global.registerName(COUNTER_NAME, started.pid)) return genServerChild(started.process);
  started.process.stop(atom('normal'));
  return 'ignore';
}

export interface CounterCallOptions {
  /** for the whole call, waiting for an owner included; default {@link DEFAULT_CALL_TIMEOUT_MS} */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** Calls the counter, wherever in the cluster it is. */
export class Counter {
  readonly #client: GenServerClient;
  readonly #global: Pick<GlobalNames, 'whereisName' | 'waitForName'>;
  readonly #now: () => number;

  constructor(
    client: GenServerClient,
    global: Pick<GlobalNames, 'whereisName' | 'waitForName'>,
    now: () => number = () => performance.now(),
  ) {
    this.#client = client;
    this.#global = global;
    this.#now = now;
  }

  /** @throws {CallError} see {@link increment} */
  get(options?: CounterCallOptions): Promise<number | bigint> {
    return this.#call(GET, options);
  }

  /**
   * Adds one.
   *
   * @returns the value after the increment
   * @throws {CallError} `noproc` when nobody owned the counter in time (nothing was counted);
   *   `timeout`, `noconnection` or `exit` when it is unknown whether it was counted; `bad_reply`
   *   when the owner answered something else than an integer
   */
  increment(options?: CounterCallOptions): Promise<number | bigint> {
    return this.#call(INCREMENT, options);
  }

  async #call(request: Term, options: CounterCallOptions = {}): Promise<number | bigint> {
    const deadline = this.#now() + (options.timeoutMs ?? DEFAULT_CALL_TIMEOUT_MS);
    for (;;) {
      const owner = await this.#owner(deadline, options.signal);
      try {
        return countOf(await this.#callOwner(owner, request, deadline, options.signal));
      } catch (error) {
        // `noproc`: the owner was gone before the request arrived, so asking the next one is safe.
        if (!(error instanceof CallError && error.code === 'noproc')) throw error;
        await this.#gone(owner);
      }
    }
  }

  async #owner(deadline: number, signal: AbortSignal | undefined): Promise<Pid> {
    const known = this.#global.whereisName(COUNTER_NAME);
    if (known !== undefined) return known;
    const timeoutMs = Math.max(0, deadline - this.#now());
    const owner = await this.#global.waitForName(COUNTER_NAME, {
      timeoutMs,
      ...(signal === undefined ? {} : { signal }),
    });
    if (owner === undefined) {
      throw new CallError('noproc', `no process is registered globally as ${COUNTER_NAME}`);
    }
    return owner;
  }

  #callOwner(
    owner: Pid,
    request: Term,
    deadline: number,
    signal: AbortSignal | undefined,
  ): Promise<Term> {
    return this.#client.call(owner, request, {
      timeoutMs: Math.max(1, deadline - this.#now()),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  /** Lets `global` hear of the same death before the name is looked up again. */
  async #gone(owner: Pid): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    const known = this.#global.whereisName(COUNTER_NAME);
    if (known?.equals(owner) === true) {
      throw new CallError('noproc', `the owner of ${COUNTER_NAME} has ended`);
    }
  }
}

function countOf(reply: Term): number | bigint {
  if (typeof reply === 'bigint' || (typeof reply === 'number' && Number.isInteger(reply))) {
    return reply;
  }
  throw new CallError('bad_reply', 'expected an integer from the counter, got another term');
}
