import type { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import { MultiMap } from './multi-map.ts';
import type { MonitorTarget } from './signals.ts';

/** `watcher` wants to know when the process that `target` named ends. At least one of both is local. */
export interface Monitor {
  readonly ref: Reference;
  readonly watcher: Pid;
  /** what the monitor named, and what the down signal therefore repeats */
  readonly target: MonitorTarget;
  /** the node of the watched process */
  readonly node: string;
  /** the watched process when it is local: a name is bound when the monitor is requested */
  readonly watched: Pid | undefined;
}

/**
 * All monitors in which a local process takes part, on either side: pure bookkeeping.
 *
 * References are unique per node, so a monitor is known by the watcher's node and the reference.
 */
export class Monitors {
  readonly #node: string;
  readonly #monitors = new Map<string, Monitor>();
  readonly #byWatcher = new MultiMap<Monitor>();
  readonly #byWatched = new MultiMap<Monitor>();
  readonly #byNode = new MultiMap<Monitor>();

  /** @param node our own name */
  constructor(node: string) {
    this.#node = node;
  }

  get size(): number {
    return this.#monitors.size;
  }

  /** A second monitor with the same reference from the same node takes the place of the first. */
  add(monitor: Monitor): void {
    this.remove(monitor.watcher.node, monitor.ref);
    this.#monitors.set(this.#key(monitor.watcher.node, monitor.ref), monitor);
    if (monitor.watcher.node === this.#node) this.#byWatcher.add(monitor.watcher.key, monitor);
    if (monitor.watched !== undefined) this.#byWatched.add(monitor.watched.key, monitor);
    const peer = this.#peerOf(monitor);
    if (peer !== this.#node) this.#byNode.add(peer, monitor);
  }

  find(watcherNode: string, ref: Reference): Monitor | undefined {
    return this.#monitors.get(this.#key(watcherNode, ref));
  }

  remove(watcherNode: string, ref: Reference): Monitor | undefined {
    const key = this.#key(watcherNode, ref);
    const monitor = this.#monitors.get(key);
    if (monitor === undefined) return undefined;
    this.#monitors.delete(key);
    if (monitor.watcher.node === this.#node) this.#byWatcher.delete(monitor.watcher.key, monitor);
    if (monitor.watched !== undefined) this.#byWatched.delete(monitor.watched.key, monitor);
    const peer = this.#peerOf(monitor);
    if (peer !== this.#node) this.#byNode.delete(peer, monitor);
    return monitor;
  }

  /** Removes what a local process watches: it has ended. */
  takeWatchedBy(watcher: Pid): Monitor[] {
    return this.#takeFrom(this.#byWatcher, watcher.key);
  }

  /** Removes what watches a local process: it has ended. */
  takeWatching(watched: Pid): Monitor[] {
    return this.#takeFrom(this.#byWatched, watched.key);
  }

  /** Removes all monitors between us and `node`, in both directions: the connection is lost. */
  takeNode(node: string): Monitor[] {
    return this.#takeFrom(this.#byNode, node);
  }

  #takeFrom(index: MultiMap<Monitor>, key: string): Monitor[] {
    const taken = index.take(key);
    for (const monitor of taken) this.remove(monitor.watcher.node, monitor.ref);
    return taken;
  }

  #peerOf(monitor: Monitor): string {
    return monitor.watcher.node === this.#node ? monitor.node : monitor.watcher.node;
  }

  /** A line break occurs in no node name, so a peer cannot name a monitor of another node. */
  #key(watcherNode: string, ref: Reference): string {
    return watcherNode === this.#node ? ref.key : `${ref.key}\n${watcherNode}`;
  }
}
