/**
 * The platform: starts and stops instances, tells them of each other, and tells the router of those that are ready.
 *
 * An instance is in the peers files from the moment its container starts, before it answers, and until its end, or
 * until it is asked to end: that is drawn. The router knows it from the end of its `post_start` until just before its
 * SIGTERM.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { nowMs } from '../faults/history.ts';
import type { HostNetwork } from '../faults/hosts.ts';
import type { SeededRandom } from '../seeded-random.ts';
import { until } from '../until.ts';
import { Container, STOP_TIMEOUT_MS, type Stopped } from './container.ts';
import { peersText, shuffled, writePeersFile } from './peers-file.ts';
import {
  type Deployment,
  INSTANCE_PORT,
  instanceVariables,
  memoryLimit,
  runConfig,
} from './platform-environment.ts';
import type { Router } from './router.ts';

export interface PlatformOptions {
  readonly network: HostNetwork;
  readonly router: Router;
  readonly random: SeededRandom;
  /** for what instances find in their `/run` */
  readonly folder: string;
  /** the `PATH` of instances */
  readonly path: string;
  /** a line of progress */
  readonly say: (text: string) => void;
  readonly onLine: (container: Container, line: string) => void;
}

export class Platform {
  /** every instance that there has been, in the order of their starts */
  readonly all: Container[] = [];
  /** how each one that was stopped ended */
  readonly stops: Stopped[] = [];
  readonly #options: PlatformOptions;
  /** those that have a container, from before their start to after their end */
  readonly #present = new Map<string, Container>();
  /** those in the peers files */
  readonly #listed = new Map<string, string>();
  #hosts = 0;

  constructor(options: PlatformOptions) {
    this.#options = options;
  }

  /** The instances that there are, in the order of their starts. */
  get instances(): readonly Container[] {
    return [...this.#present.values()];
  }

  /** Starts as many instances at once. @returns when all are ready */
  async grow(count: number, deployment: Deployment): Promise<void> {
    const started = Array.from({ length: count }, () => this.#create(deployment));
    this.#tellPeers();
    await Promise.all(started.map((container) => this.#start(container)));
  }

  /** Stops instances, all at the same time. @returns when all have ended */
  async shrink(leaving: readonly Container[]): Promise<void> {
    await Promise.all(shuffled(leaving, this.#options.random).map((one) => this.#stop(one)));
  }

  /**
   * A rolling deployment: as many new instances as there are, which join; then the old ones go, each some time after
   * the one before.
   */
  async deploy(deployment: Deployment): Promise<void> {
    const { random } = this.#options;
    const old = shuffled(this.instances, random);
    await this.grow(old.length, deployment);
    const leaving: Promise<void>[] = [];
    for (const container of old) {
      leaving.push(this.#stop(container));
      await delay(random.below(500));
    }
    await Promise.all(leaving);
  }

  /**
   * Kills an instance while it has a request to answer, and restarts it at once, as the platform does with whatever
   * ends.
   */
  async crash(container: Container): Promise<void> {
    const { say, router } = this.#options;
    const { name } = container;
    let fromMs = 0;
    await container.crash(async () => {
      const what = `a request to ${name}`;
      await until(() => router.underWay(name) > 0, { intervalMs: 1, what });
      fromMs = nowMs();
    });
    say(`${name} is ready again, ${seconds(nowMs() - fromMs)} after its end by SIGKILL`);
  }

  /** The instance whose counter it is. @throws {Error} if not exactly one says so */
  owner(): Container {
    const owners = this.instances.filter(({ log }) => log.ownerEvent?.event === 'taken_over');
    const [owner, ...others] = owners;
    if (owner !== undefined && others.length === 0) return owner;
    const said = this.instances.map(({ name, log }) => `${name}: ${log.ownerEvent?.event ?? '-'}`);
    throw new Error(
      `expected one owner of the counter, by what they logged last: ${said.join(', ')}`,
    );
  }

  #create(deployment: Deployment): Container {
    const { network, folder, path, router, onLine } = this.#options;
    const { config } = deployment;
    const name = `${config.name}.${this.#freeIndex(config.name)}`;
    const host = network.hosts[this.#hosts];
    if (host === undefined) throw new Error(`the network has no more than ${this.#hosts} hosts`);
    this.#hosts += 1;
    const container = new Container({
      ...{ name, host, onLine, folder: deployment.folder, commands: config },
      runFolder: join(folder, `run-${this.#hosts}`),
      runConfig: runConfig(memoryLimit(config)),
      variables: { ...instanceVariables(deployment), PATH: path },
      onReady: ({ address }) => router.add(name, address, INSTANCE_PORT),
      onDown: () => router.remove(name),
    });
    this.all.push(container);
    this.#present.set(name, container);
    this.#listed.set(name, host.address);
    return container;
  }

  async #start(container: Container): Promise<void> {
    const fromMs = nowMs();
    await container.start();
    const { name, address } = container;
    this.#options.say(`${name} (${address}) is ready after ${seconds(nowMs() - fromMs)}`);
  }

  async #stop(container: Container): Promise<void> {
    const { name } = container;
    const { router, random, say } = this.#options;
    const unlist = (): void => {
      this.#listed.delete(name);
      this.#tellPeers();
    };
    const unlistFirst = random.below(2) === 0;
    if (unlistFirst) unlist();
    router.remove(name);
    const stopped = await container.stop();
    this.#present.delete(name);
    if (!unlistFirst) unlist();
    this.stops.push(stopped);
    const late = stopped.durationMs >= STOP_TIMEOUT_MS ? ', by SIGKILL' : '';
    say(`${name} has ended with ${stopped.exit} after ${seconds(stopped.durationMs)}${late}`);
  }

  #tellPeers(): void {
    const { random } = this.#options;
    for (const { runFolder } of this.#present.values()) {
      writePeersFile(join(runFolder, 'peers.json'), peersText(this.#listed, random), random);
    }
  }

  #freeIndex(application: string): number {
    let index = 0;
    while (this.#present.has(`${application}.${index}`)) index += 1;
    return index;
  }
}

/** A duration for people. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
