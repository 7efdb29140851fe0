import type { Pid } from '../terms/pid.ts';
import type { Reference } from '../terms/reference.ts';
import { MultiMap } from './multi-map.ts';
import { ReferenceMap } from './reference-map.ts';
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
  /** by the node of the watcher, so that no peer can name a monitor of another node */
  readonly #monitors = new Map<string, ReferenceMap<Monitor>>();
  readonly #byWatcher = new MultiMap<Monitor>();
  readonly #byWatched = new MultiMap<Monitor>();
  readonly #byNode = new MultiMap<Monitor>();

  /** @param node our own name */
  constructor(node: string) {
    this.#node = node;
  }

  get size(): number {
    let size = 0;
    for (const monitors of this.#monitors.values()) size += monitors.size;
    return size;
  }

  /** A second monitor with the same reference from the same node takes the place of the first. */
  add(monitor: Monitor): void {
    this.remove(monitor.watcher.node, monitor.ref);
    this.#ofNode(monitor.watcher.node).set(monitor.ref, monitor);
    if (monitor.watcher.node === this.#node) this.#byWatcher.add(monitor.watcher.key, monitor);
    if (monitor.watched !== undefined) this.#byWatched.add(monitor.watched.key, monitor);
    const peer = this.#peerOf(monitor);
    if (peer !== this.#node) this.#byNode.add(peer, monitor);
  }

  find(watcherNode: string, ref: Reference): Monitor | undefined {
    return this.#monitors.get(watcherNode)?.get(ref);
  }

  remove(watcherNode: string, ref: Reference): Monitor | undefined {
    const monitors = this.#monitors.get(watcherNode);
    const monitor = monitors?.delete(ref);
    if (monitors === undefined || monitor === undefined) return undefined;
    if (monitors.size === 0) this.#monitors.delete(watcherNode);
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

  #ofNode(watcherNode: string): ReferenceMap<Monitor> {
    let monitors = this.#monitors.get(watcherNode);
    if (monitors === undefined) {
      monitors = new ReferenceMap();
      this.#monitors.set(watcherNode, monitors);
    }
    return monitors;
  }
}
