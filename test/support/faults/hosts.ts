/**
 * Hosts of a network that can be cut: network namespaces, each with a virtual cable to one switch.
 *
 * ```
 *   test process ── m0 ──┐ ┌── m1 ── …   cables to each host for HTTP, never cut
 *                      host0 host1 …     namespaces with a node each
 *                   d0 ──┘ └── d1        the network of the nodes
 *                      └─ br0 ┘          a bridge in a namespace of its own
 * ```
 *
 * With `outlet` this process is plugged into the switch as one more host, and there are no cables beside it: all
 * traffic takes one network, which is then not to be cut between this process and a host.
 *
 * A cut is real: packets between two sides are lost without a word. A host that is alone on its side has
 * its cable unplugged (link down); the hosts of a larger side are plugged into a bridge of their own.
 *
 * Names contain the id of this process and addresses are drawn at random, so several runs at once do
 * not meet. Everything is removed with the test, when this process ends in any way it is told of,
 * and otherwise by the next run.
 */
import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { Placement } from './cluster.ts';

const run = promisify(execFile);

interface Teardown {
  teardown(fn: () => unknown): void;
}

/** A reason to skip, or false: in CI (`CI=true`) a missing permission makes the test fail instead. */
export async function skipWithoutNamespaces(): Promise<string | false> {
  if (process.env.CI === 'true') return false;
  const name = `hd${process.pid}try`;
  try {
    await ip('netns', 'add', name);
    await ip('netns', 'del', name);
    return false;
  } catch (error) {
    return `network namespaces are not permitted here: ${error instanceof Error ? error.message.trim() : error}`;
  }
}

/** One host. */
export interface Host {
  readonly namespace: string;
  /** in the network that is cut */
  readonly address: string;
  /** for the test's own requests; with an outlet the same */
  readonly managementAddress: string;
}

export interface HostNetworkOptions {
  /** whether this process belongs to the network itself; default false */
  readonly outlet?: boolean;
}

/** The last byte of this process's address in a network with an outlet. */
const OUTLET = 126;

export class HostNetwork {
  readonly hosts: readonly Host[];
  readonly #switch: string;
  readonly #prefix: string;
  /** the ends of cables in the namespace of this process */
  readonly #cables: readonly string[];
  #bridges = 1;
  readonly #onExit = () => this.#removeNow();

  private constructor(
    prefix: string,
    hosts: readonly Host[],
    { outlet = false }: HostNetworkOptions,
  ) {
    this.#prefix = prefix;
    this.#switch = `${prefix}s`;
    this.#cables = outlet ? [`${prefix}m`] : hosts.map((_, index) => `${prefix}m${index}`);
    this.hosts = hosts;
  }

  /** Builds the network; it is removed with the test. */
  static async create(
    t: Teardown,
    size: number,
    options: HostNetworkOptions = {},
  ): Promise<HostNetwork> {
    await sweep();
    const prefix = `hd${process.pid}x${Math.floor(Math.random() * 36 ** 2).toString(36)}`;
    const net = await freeNetwork();
    const hosts = Array.from({ length: size }, (_, index) => {
      const address = `10.${net}.${index + 1}`;
      const managementAddress = options.outlet ? address : `10.${net}.${128 + 4 * index + 2}`;
      return { namespace: `${prefix}h${index}`, address, managementAddress };
    });
    const network = new HostNetwork(prefix, hosts, options);
    process.on('exit', network.#onExit);
    t.teardown(() => network.remove());
    await network.#build();
    if (options.outlet) await network.#plugOutlet(`10.${net}.${OUTLET}`);
    else await network.#layCables(net);
    return network;
  }

  /** Where the members of a cluster run, one on each host. */
  get placements(): readonly Placement[] {
    return this.hosts.map(({ namespace, address, managementAddress }) => ({
      address,
      runner: ['ip', 'netns', 'exec', namespace],
      env: { HOST: managementAddress },
    }));
  }

  /**
   * Separates the hosts into sides, given by their indexes. Every host belongs to one side.
   *
   *     await network.cut([[0, 1], [2]]);
   */
  async cut(sides: readonly (readonly number[])[]): Promise<void> {
    const [largest = [], ...others] = [...sides].sort((a, b) => b.length - a.length);
    for (const side of others) {
      if (side.length === 1) await this.#plug(side[0]!, 'down');
      else await this.#separate(side);
    }
    if (largest.length === 1) await this.#plug(largest[0]!, 'down');
  }

  /** Joins all hosts again. */
  async heal(): Promise<void> {
    for (const index of this.hosts.keys()) {
      await ip('-n', this.#switch, 'link', 'set', `p${index}`, 'master', 'br0');
      await this.#plug(index, 'up');
    }
  }

  /** Removes everything. Idempotent. The programs on the hosts must have ended. */
  async remove(): Promise<void> {
    process.off('exit', this.#onExit);
    await removeNamespaces((await namespaces()).filter((name) => name.startsWith(this.#prefix)));
    await removeLinks((name) => name.startsWith(this.#prefix));
  }

  async #build(): Promise<void> {
    await ip('netns', 'add', this.#switch);
    await ip('-n', this.#switch, 'link', 'add', 'br0', 'type', 'bridge');
    await ip('-n', this.#switch, 'link', 'set', 'br0', 'up');
    for (const [index, host] of this.hosts.entries()) {
      const { namespace, address } = host;
      const inside = ['-n', namespace] as const;
      const port = `p${index}`;
      await ip('netns', 'add', namespace);
      await ip(...inside, 'link', 'set', 'lo', 'up');
      await ip(
        ...[...inside, 'link', 'add', 'd0', 'type', 'veth'],
        ...['peer', 'name', port, 'netns', this.#switch],
      );
      await ip(...inside, 'address', 'add', `${address}/25`, 'dev', 'd0');
      await ip(...inside, 'link', 'set', 'd0', 'up');
      await ip('-n', this.#switch, 'link', 'set', port, 'master', 'br0', 'up');
    }
  }

  async #layCables(net: string): Promise<void> {
    for (const [index, { namespace, managementAddress }] of this.hosts.entries()) {
      const inside = ['-n', namespace] as const;
      const cable = this.#cables[index]!;
      await ip('link', 'add', cable, 'type', 'veth', 'peer', 'name', 'm0', 'netns', namespace);
      await ip('address', 'add', `10.${net}.${128 + 4 * index + 1}/30`, 'dev', cable);
      await ip('link', 'set', cable, 'up');
      await ip(...inside, 'address', 'add', `${managementAddress}/30`, 'dev', 'm0');
      await ip(...inside, 'link', 'set', 'm0', 'up');
    }
  }

  async #plugOutlet(address: string): Promise<void> {
    const cable = this.#cables[0]!;
    const port = ['name', 'outlet', 'netns', this.#switch];
    await ip('link', 'add', cable, 'type', 'veth', 'peer', ...port);
    await ip('address', 'add', `${address}/25`, 'dev', cable);
    await ip('link', 'set', cable, 'up');
    await ip('-n', this.#switch, 'link', 'set', 'outlet', 'master', 'br0', 'up');
  }

  #plug(index: number, state: 'up' | 'down'): Promise<void> {
    return ip('-n', this.#switch, 'link', 'set', `p${index}`, state);
  }

  async #separate(side: readonly number[]): Promise<void> {
    const bridge = `br${this.#bridges}`;
    this.#bridges += 1;
    await ip('-n', this.#switch, 'link', 'add', bridge, 'type', 'bridge');
    await ip('-n', this.#switch, 'link', 'set', bridge, 'up');
    for (const index of side) {
      await ip('-n', this.#switch, 'link', 'set', `p${index}`, 'master', bridge);
    }
  }

  /** When there is no time to wait: this process is ending. */
  #removeNow(): void {
    const spaces = [this.#switch, ...this.hosts.map(({ namespace }) => namespace)];
    const commands = [
      ...spaces.map((name) => ['netns', 'del', name]),
      ...this.#cables.map((cable) => ['link', 'del', cable]),
    ];
    for (const name of spaces) killNow(name);
    for (const command of commands) {
      try {
        execFileSync('ip', command, { stdio: 'ignore' });
      } catch {
        // It has not been made yet, or is gone already.
      }
    }
  }
}

function killNow(namespace: string): void {
  try {
    for (const pid of processesOn(namespace)) kill(pid);
  } catch {
    // There is no such namespace, so nobody runs in it.
  }
}

/** The ids of all processes on a host. @throws {Error} if there is no such namespace */
export function processesOn(namespace: string): readonly number[] {
  const pids = execFileSync('ip', ['netns', 'pids', namespace], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const lines = pids.toString().split('\n');
  return lines.filter((line) => line !== '').map(Number);
}

async function ip(...args: readonly string[]): Promise<void> {
  await run('ip', args);
}

async function namespaces(): Promise<readonly string[]> {
  const { stdout } = await run('ip', ['netns', 'list']);
  return stdout.split('\n').flatMap((line) => line.split(' ')[0] || []);
}

/** What runs that were killed have left behind. */
async function sweep(): Promise<void> {
  const isLeft = (name: string): boolean => {
    const pid = /^hd(\d+)x/.exec(name)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  };
  await removeNamespaces((await namespaces()).filter(isLeft));
  await removeLinks(isLeft);
}

async function removeNamespaces(names: readonly string[]): Promise<void> {
  for (const name of names) {
    try {
      const { stdout } = await run('ip', ['netns', 'pids', name]);
      for (const pid of stdout.split('\n').filter((line) => line !== '')) kill(Number(pid));
      await ip('netns', 'del', name);
    } catch (error) {
      // Another run may sweep as well.
      if ((await namespaces()).includes(name)) throw error;
    }
  }
}

/**
 * The cables end in their namespaces and would go with them, but a connection whose packets found no way
 * keeps a namespace for minutes after its last process.
 */
async function removeLinks(which: (name: string) => boolean): Promise<void> {
  for (const name of await links()) {
    if (!which(name)) continue;
    try {
      await ip('link', 'del', name);
    } catch (error) {
      if ((await links()).includes(name)) throw error;
    }
  }
}

async function links(): Promise<readonly string[]> {
  const { stdout } = await run('ip', ['-o', 'link']);
  return stdout.split('\n').flatMap((line) => /^\d+: ([^@:]+)/.exec(line)?.[1] ?? []);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** The middle of 10.x.y.z, of which no interface of this machine has an address. */
async function freeNetwork(): Promise<string> {
  const { stdout } = await run('ip', ['-4', '-o', 'address']);
  for (;;) {
    const byte = (): number => 1 + Math.floor(Math.random() * 253);
    const net = `${byte()}.${byte()}`;
    if (!stdout.includes(`inet 10.${net}.`)) return net;
  }
}
