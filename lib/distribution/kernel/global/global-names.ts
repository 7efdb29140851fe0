/**
 * Global names: one name, one process in the whole cluster, as Erlang's `global` has them, in full
 * interoperation with it. This is the door to the folder.
 *
 * It runs three processes, because peers tell lock holders apart by pid: the server (`server.ts`)
 * owns all state, the locker (`locker.ts`) brings partitions together, the registrar
 * (`registrar.ts`) changes names. The per-peer protocol is in `session.ts`, its messages in
 * `messages.ts`, conflicts in `resolver.ts`.
 *
 * Not here: sockets and connections (`node/`), and `{global, Name}` destinations of calls, which
 * the gen_server client resolves with {@link GlobalNames.whereisName}.
 *
 * @see https://www.erlang.org/doc/apps/kernel/global.html
 */
import { type Clock, systemClock } from '../../../clock.ts';
import type { Telemetry } from '../../../telemetry/telemetry.ts';
import type { GenServerClient } from '../../gen-server/client.ts';
import type { ClusterNode } from '../../node/cluster-node.ts';
import type { Process } from '../../process/process.ts';
import { atom } from '../../terms/atom.ts';
import type { Pid } from '../../terms/pid.ts';
import type { Term } from '../../terms/term.ts';
import { termKey } from '../../terms/term-key.ts';
import { backOffMs } from './back-off.ts';
import type { LockerPause } from './locker.ts';
import { encodeRegister, encodeUnregister } from './messages/calls.ts';
import type { LockId, NamedPid } from './messages/protocol.ts';
import type { NameEvent } from './name-registry.ts';
import type { PartitionOptions } from './partition-guard.ts';
import { Registrar, stoppedError } from './registrar.ts';
import { type Conflict, encodeMethod, type ResolveMethod, resolveIt } from './resolver.ts';
import { GlobalServer } from './server.ts';
import { type CallServers, serverCalls } from './server-calls.ts';

/**
 * Settles a conflict on the node of our side's process: `global:resolve_it(Method, Name, Theirs, Ours)`.
 *
 * @returns `undefined` when the node could not be asked
 */
export type ResolveAt = (node: string, conflict: Conflict) => Promise<Term | undefined>;

export interface GlobalNamesOptions {
  readonly node: ClusterNode;
  readonly client: GenServerClient;
  /** asks another node to settle a conflict over a process of its own */
  readonly resolveAt: ResolveAt;
  readonly telemetry?: Telemetry | undefined;
  readonly clock?: Clock;
  /** uniform in [0, 1) */
  readonly random?: () => number;
  readonly lockerPause?: LockerPause;
  readonly preventOverlappingPartitions?: PartitionOptions;
}

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface LockOptions {
  /** the process that holds the lock; its end releases it */
  readonly holder: Process;
  /** where to take the lock (default: this node and all connected ones) */
  readonly nodes?: readonly string[];
  /** attempts after the first (default: without end) */
  readonly retries?: number;
}

interface Running {
  readonly server: GlobalServer;
  readonly locker: Process;
  readonly registrarProcess: Process;
  readonly registrar: Registrar;
  readonly unsubscribe: () => void;
}

export class GlobalNames {
  readonly #options: GlobalNamesOptions;
  readonly #node: ClusterNode;
  readonly #calls: CallServers;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #nameListeners = new Set<(event: NameEvent) => void>();
  /** checks of waiters, run when the membership changes */
  readonly #membershipChecks = new Set<() => void>();
  readonly #stopHooks = new Set<() => void>();
  #running: Running | undefined;

  constructor(options: GlobalNamesOptions) {
    this.#options = options;
    this.#node = options.node;
    this.#calls = serverCalls({
      node: options.node,
      client: options.client,
      isKnown: (node) => this.synced(node),
      telemetry: options.telemetry,
    });
    this.#clock = options.clock ?? systemClock;
    this.#random = options.random ?? Math.random;
  }

  /**
   * Starts the three processes and listens to nodeup and nodedown. To be called before the node
   * accepts connections: a peer's first message comes with the connection.
   */
  start(): void {
    if (this.#running !== undefined) return;
    const { processes, name } = this.#node;
    const locker = processes.spawnServer({
      trapExit: true,
      onMessage: (message) => server.receiveForLocker(message),
    });
    const registrarProcess = processes.spawnServer({
      trapExit: true,
      onMessage: (message) => server.ignored('registrar', message),
    });
    const server: GlobalServer = new GlobalServer({
      node: this.#node,
      lockerProcess: locker,
      callServers: this.#callServers,
      resolveConflict: (conflict) => this.#resolveConflict(conflict),
      clock: this.#clock,
      random: this.#random,
      telemetry: this.#options.telemetry,
      lockerPause: this.#options.lockerPause,
      preventOverlappingPartitions: this.#options.preventOverlappingPartitions ?? {},
      onNameEvent: (event) => this.#announce(event),
      onMembershipChange: () => {
        for (const check of [...this.#membershipChecks]) check();
      },
    });
    const registrar = new Registrar({
      node: name,
      process: registrarProcess,
      locks: server.lockCalls,
      known: () => server.synchroniser.known(),
      setTimer: (delayMs, callback) => this.#clock.setTimer(delayMs, callback),
      random: this.#random,
    });
    const unsubscribe = this.#node.onNodeEvent((event) => server.nodeEvent(event));
    this.#running = { server, locker, registrarProcess, registrar, unsubscribe };
    server.change(() => {
      for (const node of this.#node.nodes()) server.nodeup(node);
    });
    // The three depend on each other: without one of them the others would answer wrongly or not at all.
    void this.exited.then(() => {
      if (this.#running?.server === server) this.stop();
    });
  }

  /** Stops accusing and obeying accusations, ahead of a shutdown that closes connections. */
  prepareShutdown(): void {
    this.#running?.server.prepareShutdown();
  }

  /** Ends the processes. Peers drop what we registered when they see the connections close. */
  stop(): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    running.unsubscribe();
    running.registrar.stop();
    running.server.stop();
    const shutdown = atom('shutdown');
    running.locker.stop(shutdown);
    running.registrarProcess.stop(shutdown);
    for (const hook of [...this.#stopHooks]) hook();
  }

  /**
   * Resolves to the exit reason when one of the processes has ended, and with it all of them: because
   * the node stops, or because of a bug or a peer's `kill`.
   */
  get exited(): Promise<Term> {
    const { server, locker, registrarProcess } = this.#started();
    return Promise.race([server.process.exited, locker.exited, registrarProcess.exited]);
  }

  /**
   * Registers a process under a name in the whole cluster.
   *
   * @param resolver what happens when two partitions meet that both have the name
   * @returns false when the name is taken or the process already has another name
   * @throws {ConnectionError} `distribution_off` when stopped meanwhile
   */
  registerName(
    name: Term,
    pid: Pid,
    resolver: ResolveMethod = 'random_exit_name',
  ): Promise<boolean> {
    const { registrar, server } = this.#started();
    return registrar.run(async (nodes) => {
      if (server.registry.whereis(name) !== undefined || server.registry.names.isNamed(pid))
        return false;
      await this.#registerOn(nodes, { name, pid, method: encodeMethod(resolver) });
      return true;
    });
  }

  /** Gives the name to the process, whoever has it now. */
  reRegisterName(
    name: Term,
    pid: Pid,
    resolver: ResolveMethod = 'random_exit_name',
  ): Promise<boolean> {
    return this.#started().registrar.run(async (nodes) => {
      await this.#registerOn(nodes, { name, pid, method: encodeMethod(resolver) });
      return true;
    });
  }

  /**
   * Gives the name to the process unless that is out of date: whoever has it meanwhile may have been given it
   * by somebody who knew better.
   *
   * @param takesFrom asked about who has the name once nobody else can change it
   * @returns whether it was given
   */
  passName(
    name: Term,
    pid: Pid,
    takesFrom: (holder: Pid | undefined) => boolean,
    resolver: ResolveMethod = 'random_exit_name',
  ): Promise<boolean> {
    const { registrar, server } = this.#started();
    return registrar.run(async (nodes) => {
      if (!takesFrom(server.registry.whereis(name))) return false;
      await this.#registerOn(nodes, { name, pid, method: encodeMethod(resolver) });
      return true;
    });
  }

  /** Removes the name from the whole cluster. */
  async unregisterName(name: Term): Promise<void> {
    const { registrar, server, registrarProcess } = this.#started();
    if (server.registry.whereis(name) === undefined) return;
    await registrar.run(async (nodes) => {
      server.change(() => server.registry.unregister(name));
      await this.#callServers(registrarProcess, this.#others(nodes), encodeUnregister(name));
    });
  }

  /** Who has the name: a local look-up. A local process that has ended has no name. */
  whereisName(name: Term): Pid | undefined {
    return this.#running?.server.registry.whereis(name);
  }

  registeredNames(): Term[] {
    return this.#running?.server.registry.names.list().map(({ name }) => name) ?? [];
  }

  /** The nodes that names are shared with. */
  knownNodes(): string[] {
    return this.#running?.server.synchroniser.known() ?? [];
  }

  /** Whether names are shared with that node. */
  synced(node: string): boolean {
    return this.#running?.server.synchroniser.isKnown(node) ?? false;
  }

  /** The locks that this node's table holds, for inspection. */
  locks(): { resource: Term; requester: Term; holders: Pid[] }[] {
    return this.#running?.server.registry.locks.list() ?? [];
  }

  /**
   * Waits until names are shared with every one of `nodes` that is still connected.
   *
   * @returns false after `timeoutMs`, or when stopped
   */
  whenSynced(nodes: readonly string[], timeoutMs: number): Promise<boolean> {
    const isSynced = (): boolean =>
      nodes.every((node) => this.synced(node) || !this.#node.isConnected(node));
    const subscribe = (check: () => void): (() => void) => {
      this.#membershipChecks.add(check);
      return () => this.#membershipChecks.delete(check);
    };
    return this.#until(() => (isSynced() ? true : undefined), subscribe, { timeoutMs }).then(
      (outcome) => outcome ?? false,
    );
  }

  /**
   * Waits until somebody has the name.
   *
   * @returns `undefined` after `timeoutMs`, when aborted, or when stopped
   */
  waitForName(name: Term, options: WaitOptions = {}): Promise<Pid | undefined> {
    const key = termKey(name);
    const subscribe = (check: () => void): (() => void) =>
      this.onNameEvent((event) => {
        if (event.type === 'registered' && termKey(event.name) === key) check();
      });
    return this.#until(() => this.whereisName(name), subscribe, options);
  }

  /** @returns removes the listener */
  onNameEvent(listener: (event: NameEvent) => void): () => void {
    this.#nameListeners.add(listener);
    return () => this.#nameListeners.delete(listener);
  }

  /** Takes a lock of one's own, as `global:set_lock/3`. Returns false when the retries are used up. */
  async setLock(lock: LockId, options: LockOptions): Promise<boolean> {
    const { holder, retries = Number.POSITIVE_INFINITY } = options;
    const { server } = this.#started();
    const nodes = options.nodes ?? this.#lockNodes();
    for (let failures = 0; failures <= retries; failures += 1) {
      if (failures > 0) await this.#sleep(backOffMs(failures, this.#random));
      if (await server.change(() => server.lockCalls.set(holder, lock, nodes))) return true;
    }
    return false;
  }

  /** Lets a lock go, as `global:del_lock/2`. */
  delLock(lock: LockId, options: Omit<LockOptions, 'retries'>): Promise<void> {
    const { server } = this.#started();
    const nodes = options.nodes ?? this.#lockNodes();
    return server.change(() => server.lockCalls.delete(options.holder, lock, nodes));
  }

  /**
   * Runs `action` while the lock is held, as `global:trans/4`.
   *
   * @returns `undefined` if the lock could not be had within the retries
   */
  async trans<T>(
    lock: LockId,
    options: LockOptions,
    action: () => Promise<T> | T,
  ): Promise<T | undefined> {
    const fixed = { ...options, nodes: options.nodes ?? this.#lockNodes() };
    if (!(await this.setLock(lock, fixed))) return undefined;
    try {
      return await action();
    } finally {
      await this.delLock(lock, fixed);
    }
  }

  /** Settles a conflict over a process that lives here: `global:resolve_it/4`. */
  resolveIt(method: Term, name: Term, pid1: Pid, pid2: Pid): Term {
    const { process } = this.#started().server;
    return resolveIt(method, name, pid1, pid2, {
      exit: (pid, reason) => process.exit(pid, reason),
      send: (pid, message) => process.send(pid, message),
    });
  }

  #resolveConflict(conflict: Conflict): Promise<Term | undefined> | Term | undefined {
    const { name, ours, theirs } = conflict;
    if (ours.pid.node !== this.#node.name) {
      return this.#options.resolveAt(ours.pid.node, conflict);
    }
    return this.resolveIt(ours.method, name, theirs.pid, ours.pid);
  }

  async #registerOn(nodes: readonly string[], entry: NamedPid): Promise<void> {
    const { server, registrarProcess } = this.#started();
    server.change(() => server.registry.register(entry, registrarProcess.pid));
    await this.#callServers(registrarProcess, this.#others(nodes), encodeRegister(entry));
  }

  readonly #callServers: CallServers = async (...request) => {
    try {
      return await this.#calls(...request);
    } catch (error) {
      // The calling process ends when global stops; that is what the caller needs to know.
      throw this.#running === undefined ? stoppedError() : error;
    }
  };

  /**
   * The locked nodes to be told of a change. One that was lost since it was asked for the lock is not
   * dialled: it would take the name without a lock, over the one that its side has, and the two sides
   * would meet without a conflict and keep a process each. The meeting tells it.
   */
  #others(nodes: readonly string[]): readonly string[] {
    return nodes.filter((node) => node !== this.#node.name && this.synced(node));
  }

  #lockNodes(): readonly string[] {
    return [this.#node.name, ...this.#node.nodes()];
  }

  #announce(event: NameEvent): void {
    for (const listener of [...this.#nameListeners]) listener(event);
  }

  #started(): Running {
    if (this.#running !== undefined) return this.#running;
    throw stoppedError();
  }

  /** Resolves with what `probe` returns as soon as that is something; with nothing at the end of waiting. */
  #until<T>(
    probe: () => T | undefined,
    subscribe: (check: () => void) => () => void,
    { timeoutMs, signal }: WaitOptions,
  ): Promise<T | undefined> {
    const present = probe();
    if (present !== undefined || this.#running === undefined || signal?.aborted) {
      return Promise.resolve(present);
    }
    return new Promise((resolve) => {
      const settle = (outcome: T | undefined): void => {
        unsubscribe();
        cancelTimer?.();
        signal?.removeEventListener('abort', giveUp);
        this.#stopHooks.delete(giveUp);
        resolve(outcome);
      };
      const giveUp = (): void => settle(undefined);
      const unsubscribe = subscribe(() => {
        const outcome = probe();
        if (outcome !== undefined) settle(outcome);
      });
      const cancelTimer =
        timeoutMs === undefined ? undefined : this.#clock.setTimer(timeoutMs, giveUp);
      signal?.addEventListener('abort', giveUp);
      this.#stopHooks.add(giveUp);
    });
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        cancelTimer();
        this.#stopHooks.delete(abort);
        reject(stoppedError());
      };
      const cancelTimer = this.#clock.setTimer(delayMs, () => {
        this.#stopHooks.delete(abort);
        resolve();
      });
      this.#stopHooks.add(abort);
    });
  }
}
