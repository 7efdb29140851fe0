/**
 * The server behind the registered name `global_name_server`. It answers every call at once, because
 * a server that is present but silent blocks the registrations of the whole cluster.
 *
 * This file takes messages apart and passes them on: names and locks to `name-registry.ts`, the
 * sessions with peers to `synchroniser.ts`, accusations to `partition-guard.ts`, what lockers say to
 * each other to `locker.ts`.
 *
 * @see OTP `global`, handle_call/3, handle_cast/2, handle_info/2; reference 7.2
 */
import type { Clock } from '../../../clock.ts';
import type { Telemetry } from '../../../telemetry/telemetry.ts';
import { type From, parseCall, parseCast } from '../../gen-server/envelope.ts';
import { reply } from '../../gen-server/reply.ts';
import type { ClusterNode, NodeEvent } from '../../node/cluster-node.ts';
import type { Process } from '../../process/process.ts';
import { atom } from '../../terms/atom.ts';
import { Pid } from '../../terms/pid.ts';
import type { Reference } from '../../terms/reference.ts';
import { isTuple, type Term, tuple } from '../../terms/term.ts';
import { LockCalls } from './lock-calls.ts';
import { type Candidate, Locker, type LockerHost, type LockerPause } from './locker.ts';
import { decodeCall, type GlobalCall } from './messages/calls.ts';
import {
  decodeCast,
  decodeLockerMessage,
  encodeLockSet,
  type GlobalCast,
} from './messages/casts.ts';
import { decodeInfo, type GlobalInfo } from './messages/infos.ts';
import { GLOBAL_NAME_SERVER, GLOBAL_VERSION, type LockId, sameTag } from './messages/protocol.ts';
import { type NameEvent, NameRegistry } from './name-registry.ts';
import { Outbox } from './outbox.ts';
import { PartitionGuard, type PartitionOptions } from './partition-guard.ts';
import type { ResolveConflict } from './resolver.ts';
import type { CallServers } from './server-calls.ts';
import { Synchroniser } from './synchroniser.ts';

export interface GlobalServerOptions {
  readonly node: ClusterNode;
  /** the process in whose name partitions are locked */
  readonly lockerProcess: Process;
  readonly callServers: CallServers;
  readonly resolveConflict: ResolveConflict;
  readonly clock: Clock;
  readonly random: () => number;
  readonly telemetry: Telemetry | undefined;
  readonly lockerPause: LockerPause | undefined;
  readonly preventOverlappingPartitions: PartitionOptions;
  readonly onNameEvent: (event: NameEvent) => void;
  /** the set of known or of connected nodes has changed */
  readonly onMembershipChange: () => void;
}

const TRUE = atom('true');
const FALSE = atom('false');
const YES = atom('yes');
const OK = atom('ok');
const UNDEFINED = atom('undefined');
const SHUTDOWN = atom('shutdown');
const UNKNOWN_CALL = tuple(atom('error'), atom('unknown_call'));

/**
 * The process `global_name_server`: it takes the messages of peers, and hands them to its parts.
 */
export class GlobalServer {
  readonly process: Process;
  readonly registry: NameRegistry;
  readonly lockCalls: LockCalls;
  readonly synchroniser: Synchroniser;
  readonly #options: GlobalServerOptions;
  readonly #node: ClusterNode;
  readonly #outbox: Outbox;
  readonly #locker: Locker;
  readonly #guard: PartitionGuard;
  /** look-ups of C nodes that wait until no change of names is under way */
  #lookups: { readonly name: Term; readonly from: From }[] = [];
  readonly #inbox: Term[] = [];
  #busy = false;
  #stopped = false;

  constructor(options: GlobalServerOptions) {
    const { node, clock, random, telemetry, lockerProcess } = options;
    this.#options = options;
    this.#node = node;
    this.process = node.processes.spawnServer({
      name: GLOBAL_NAME_SERVER,
      trapExit: true,
      onMessage: (message) => this.#receive(message),
    });
    this.#outbox = new Outbox(this.process);
    this.registry = this.#makeRegistry();
    this.lockCalls = new LockCalls({
      node: node.name,
      locks: this.registry.locks,
      isConnected: (name) => node.isConnected(name),
      callServers: options.callServers,
      changed: () => this.#answerLookups(),
    });
    this.#locker = new Locker(this.#lockerHost(), options.lockerPause);
    this.synchroniser = new Synchroniser({
      node,
      registry: this.registry,
      outbox: this.#outbox,
      locker: this.#locker,
      lockerProcess,
      resolveConflict: options.resolveConflict,
      clock,
      random,
      telemetry,
      change: (make) => this.change(make),
      unreachable: (name) => this.#nodedown(name),
      onChange: options.onMembershipChange,
      failed: (error) => this.#failed(error),
    });
    this.#guard = new PartitionGuard({
      ...options.preventOverlappingPartitions,
      node,
      outbox: this.#outbox,
      synchroniser: this.synchroniser,
      now: () => clock.now(),
      random,
      telemetry,
    });
  }

  /** What the locker does now, for inspection. */
  get lockerState(): string {
    return this.#locker.state;
  }

  nodeEvent(event: NodeEvent): void {
    if (this.#stopped || !event.visible) return;
    this.change(() => {
      if (event.type === 'nodeup') this.nodeup(event.node);
      else this.#nodedown(event.node);
    });
    this.#options.onMembershipChange();
  }

  /** Begins to synchronise with a connected node. */
  nodeup(node: string): void {
    this.#guard.nodeup(node);
    this.synchroniser.nodeup(node);
  }

  /** Makes a change from outside of a message, such as a registration of our own. */
  change<T>(make: () => T): T {
    if (this.#busy) return make();
    this.#busy = true;
    try {
      return make();
    } finally {
      this.#busy = false;
      this.#drain();
    }
  }

  /** A message to the locker's process: only a peer's locker has something to say to it. */
  receiveForLocker(message: Term): void {
    const lockSet = decodeLockerMessage(message);
    if (lockSet === undefined) this.ignored('locker', message);
    else this.#lockSet(lockSet);
  }

  /** A message of no use to us is reported and forgotten. */
  ignored(receiver: string, message: Term): void {
    const metadata = { node: this.#node.name, receiver, message };
    this.#options.telemetry?.execute('global.message.ignored', {}, metadata);
  }

  /** From now on connections close because we want it: nobody is to blame. */
  prepareShutdown(): void {
    this.#guard.prepareShutdown();
  }

  stop(): void {
    this.#stopped = true;
    this.#guard.stop();
    this.#locker.stop();
    this.synchroniser.stop();
    this.#lookups = [];
    this.registry.clear();
    this.process.stop(SHUTDOWN);
  }

  #nodedown(node: string): void {
    this.registry.nodedown(node);
    this.#guard.nodedown(node);
    this.synchroniser.forget(node);
  }

  /**
   * Takes a message, or keeps it while a change is being made: the monitor of a process that has
   * ended fires at once, and tables must not change under their own feet.
   */
  #receive(message: Term): void {
    this.#inbox.push(message);
    if (!this.#busy) this.#drain();
  }

  #drain(): void {
    for (let message = this.#inbox.shift(); message; message = this.#inbox.shift()) {
      this.#busy = true;
      try {
        this.#handle(message);
      } finally {
        this.#busy = false;
      }
    }
    this.#answerLookups();
  }

  #handle(message: Term): void {
    if (this.#stopped) return;
    const call = parseCall(message);
    if (call !== undefined) {
      const answer = this.#call(call.request, call.from.pid);
      reply(this.#node.processes, call.from, answer, this.process.pid);
      return;
    }
    if (isTuple(message, 5, 'DOWN')) {
      this.registry.down(message.elements[1]!);
      return;
    }
    const request = parseCast(message);
    const cast = request === undefined ? undefined : decodeCast(request);
    const info = request === undefined ? decodeInfo(message) : undefined;
    if (cast !== undefined) this.#cast(cast);
    else if (info !== undefined) this.#info(info);
    else this.ignored(GLOBAL_NAME_SERVER, message);
  }

  #call(request: Term, from: Pid): Term {
    const call = decodeCall(request);
    if (call !== undefined) return this.#answer(call, from);
    this.ignored(GLOBAL_NAME_SERVER, request);
    return UNKNOWN_CALL;
  }

  #answer(call: GlobalCall, from: Pid): Term {
    const { registry } = this;
    switch (call.type) {
      case 'set_lock':
        return registry.locks.set(call.lock, from) ? TRUE : FALSE;
      case 'del_lock':
        registry.locks.delete(call.lock, from);
        return TRUE;
      case 'register':
        registry.register(call, from, call.registrationNode);
        return YES;
      case 'unregister':
        registry.unregister(call.name);
        return OK;
      case 'get_protocol_version':
        return GLOBAL_VERSION;
      case 'get_known':
      case 'get_synced':
        return this.synchroniser.known().map((node) => atom(node));
      case 'get_names_ext':
        return registry.names
          .listExternal()
          .map(({ name, pid, registrationNode }) => tuple(name, pid, atom(registrationNode)));
      case 'info':
        return tuple(
          atom('info'),
          atom(this.#node.name),
          this.synchroniser.known().map((node) => atom(node)),
        );
    }
  }

  #cast(cast: GlobalCast): void {
    switch (cast.type) {
      case 'init_connect':
      case 'exchange':
      case 'resolved':
        this.synchroniser.dispatch(cast.node, cast);
        break;
      case 'lock_set':
        this.#lockSet(cast);
        break;
      case 'new_nodes':
        this.synchroniser.newNodes(cast);
        break;
      case 'in_sync':
        this.synchroniser.dispatch(cast.node, { type: 'drop' });
        break;
      case 'obsolete':
        break;
    }
  }

  #info(info: GlobalInfo): void {
    switch (info.type) {
      case 'init_connect_ack':
        // Learnt second-hand meanwhile: our in_sync is on its way and settles the peer's session.
        if (this.synchroniser.isKnown(info.node)) return;
        this.synchroniser.dispatch(info.node, info);
        break;
      case 'cancel_connect':
        this.synchroniser.dispatch(info.node, info);
        break;
      case 'lost_connection':
        this.#guard.lostConnection(info);
        break;
      case 'remove_connection':
        this.#guard.removeConnection(info.node);
        break;
      case 'whereis':
        this.#lookUp(info.name, info.from);
        break;
    }
  }

  /** A tag that is not ours belongs to a session that is gone. Version 7 sends none. */
  #lockSet(message: GlobalCast & { readonly type: 'lock_set' }): void {
    const mine = this.synchroniser.tagFor(message.locker.node);
    if (message.tag === undefined || sameTag(message.tag, mine)) this.#locker.lockSet(message);
  }

  /** C nodes ask in place of looking up. */
  #lookUp(name: Term, from: Term): void {
    const [pid, tag] = isTuple(from, 2) ? from.elements : [];
    if (!(pid instanceof Pid) || tag === undefined) this.ignored(GLOBAL_NAME_SERVER, from);
    else this.#lookups.push({ name, from: { pid, tag } });
  }

  #answerLookups(): void {
    if (this.#lookups.length === 0 || this.registry.isLocked) return;
    const lookups = this.#lookups;
    this.#lookups = [];
    for (const { name, from } of lookups) {
      const pid = this.registry.whereis(name) ?? UNDEFINED;
      reply(this.#node.processes, from, pid, this.process.pid);
    }
  }

  #makeRegistry(): NameRegistry {
    const { name, processes } = this.#node;
    const { telemetry, onNameEvent } = this.#options;
    return new NameRegistry({
      monitors: {
        monitor: (pid) => this.process.monitor(pid),
        demonitor: (ref: Reference) => {
          this.process.demonitor(ref, { flush: true });
        },
      },
      isAlive: (pid) => pid.node !== name || processes.isAlive(pid),
      onEvent: (event) => {
        const metadata = { node: name, name: event.name, pid: event.pid };
        telemetry?.execute(`global.name.${event.type}`, {}, metadata);
        onNameEvent(event);
      },
    });
  }

  #lockerHost(): LockerHost {
    const { clock, random, lockerProcess: process } = this.#options;
    return {
      node: this.#node.name,
      pid: process.pid,
      known: () => this.synchroniser.known(),
      globalIsLocked: () => this.registry.isLocked,
      canSetLock: (lock) => this.registry.locks.canSet(lock),
      setLock: (lock, nodes) => this.lockCalls.set(process, lock, nodes),
      delLock: (lock, nodes) => this.lockCalls.delete(process, lock, nodes),
      sendLockSet: (to: Candidate, granted: boolean) => {
        const tag = to.version >= 8 ? to.peerTag : undefined;
        const known = this.synchroniser.known();
        this.#outbox.cast(to.node, encodeLockSet(process.pid, granted, known, tag), process);
      },
      refuse: (locker: Pid) => {
        const known = this.synchroniser.known();
        const message = encodeLockSet(process.pid, false, known, undefined);
        process.send(locker, message, { connect: false });
      },
      lockIsSet: (node, myTag, lock: LockId) =>
        this.change(() => this.synchroniser.dispatch(node, { type: 'lock_is_set', myTag, lock })),
      giveUp: (node, myTag) =>
        this.change(() => this.synchroniser.dispatch(node, { type: 'give_up', myTag })),
      setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
      random,
      failed: (error) => this.#failed(error),
    };
  }

  /** A bug, unless it is the end of our own processes. It ends the server, which its owner sees. */
  #failed(error: unknown): void {
    if (!this.#stopped) this.process.crash(error);
  }
}
