/**
 * The peers file as the platform treats it, with real nodes: each on an address of its own and all on the same
 * port, so that the file's addresses are all there is to find them by.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import t, { type Test } from 'tap';
import { Cluster } from '../../lib/discovery/cluster.ts';
import { type DistributedNode, LocalNode, startNode } from '../../lib/distribution/index.ts';
import { Telemetry } from '../../lib/telemetry/telemetry.ts';
import { freePort } from '../support/free-ports.ts';
import { until } from '../support/until.ts';

const skip = process.platform === 'linux' ? false : 'one loopback address only';
const host = (index: number): string => `127.0.0.${index + 2}`;
const name = (index: number): string => `hello@${host(index)}`;

/** Instances that share a file, as on one platform. */
class Platform {
  readonly path: string;
  readonly nodes: DistributedNode[] = [];
  readonly events: string[] = [];
  readonly #t: Test;
  readonly #commonPort: number;

  constructor(t: Test, commonPort: number) {
    this.#t = t;
    this.#commonPort = commonPort;
    this.path = `${t.testdir({})}/peers.json`;
  }

  options(index: number) {
    const commonPort = this.#commonPort;
    return { name: name(index), cookie: 'peers', commonPort, listenHost: host(index) };
  }

  /** Starts an instance, which looks at the file from then on. */
  async start(index: number): Promise<DistributedNode> {
    const node = await startNode(this.options(index));
    const telemetry = new Telemetry();
    telemetry.attach('record', 'cluster.*', (event, _measurements, { peer }) => {
      this.events.push(`${index} ${event} ${peer ?? ''}`.trim());
    });
    const child = await Cluster.start({
      ...{ node, telemetry, syncTimeoutMs: 5_000, intervalMs: 50, discoverOnLoopback: false },
      distribution: {
        ...{ cookie: 'peers', cookieFiles: ['unused'], epmdPort: 1, netTickTimeMs: 60_000 },
        ...{ connectNodes: [], listenHost: undefined, listenPorts: undefined, avoidPorts: [] },
        commonPort: this.#commonPort,
        peersFile: { path: this.path, hostname: `hello.${index}`, expected: true },
      },
    });
    this.#t.teardown(async () => {
      if (child !== 'ignore') child.shutdown();
      await node.stop();
    });
    this.nodes.push(node);
    return node;
  }

  /** What the file says of these instances. */
  list(...indices: number[]): string {
    return JSON.stringify(Object.fromEntries(indices.map((at) => [`hello.${at}`, host(at)])));
  }

  /** Puts another file in its place. */
  replace(text: string): void {
    writeFileSync(`${this.path}.new`, text);
    renameSync(`${this.path}.new`, this.path);
  }

  /** Writes into the file that is there. */
  rewrite(text: string): void {
    writeFileSync(this.path, text);
  }

  count(event: string): number {
    return this.events.filter((each) => each.startsWith(event)).length;
  }
}

async function knows(node: DistributedNode, ...indices: number[]): Promise<void> {
  const expected = indices.map(name).sort().join();
  await until(() => [...node.local.nodes()].sort().join() === expected, {
    timeoutMs: 30_000,
    what: () => `${node.local.name} connected with ${expected}, not ${node.local.nodes()}`,
  });
}

t.test('a file that is missing at the start is used once it is there', { skip }, async (t) => {
  const platform = new Platform(t, await freePort());
  const [a, b] = [await platform.start(0), await platform.start(1)];
  t.strictSame(a.local.nodes(), []);
  t.strictSame(
    [...platform.events],
    ['0 cluster.peers_file_unusable', '1 cluster.peers_file_unusable'],
  );
  platform.replace(platform.list(0, 1));
  await knows(a, 1);
  await knows(b, 0);
  t.equal(platform.count('0 cluster.peers_file_unusable'), 1, 'told once');
});

t.test('instances come, by a new file and by a file written in place', { skip }, async (t) => {
  const platform = new Platform(t, await freePort());
  platform.replace(platform.list(0));
  const a = await platform.start(0);
  // Started before the file of the others names it: they find it all the same.
  const alone = await startNode(platform.options(1));
  t.teardown(() => alone.stop());
  platform.replace(platform.list(0, 1));
  await knows(a, 1);
  const other = await startNode(platform.options(2));
  t.teardown(() => other.stop());
  platform.rewrite(platform.list(2, 1, 0));
  await knows(a, 1, 2);
  t.strictSame(
    platform.events.filter((event) => event !== '0 cluster.connected'),
    [name(1), name(2)].map((peer) => `0 cluster.connected ${peer}`),
  );
});

t.test('a file that breaks, or lists nobody, cuts no connection', { skip }, async (t) => {
  const platform = new Platform(t, await freePort());
  platform.replace(platform.list(0, 1));
  const [a, b] = [await platform.start(0), await platform.start(1)];
  await knows(a, 1);
  const lost: string[] = [];
  a.local.onNodeEvent((event) => lost.push(event.type));
  let broken = 0;
  for (const text of [platform.list(0, 1).slice(0, -3), '[]', '{"hello.1":"somewhere"}']) {
    platform.rewrite(text);
    broken += 1;
    await until(() => platform.count('0 cluster.peers_file_unusable') === broken, {
      what: () => `the broken file to be told, not ${platform.events}`,
    });
    t.strictSame(a.local.nodes(), [name(1)]);
  }
  rmSync(platform.path);
  await until(() => platform.count('0 cluster.peers_file_unusable') === 4, { what: 'no file' });
  // Without the other one, and with one where nobody is: to dial that shows that the list is in use.
  platform.replace(platform.list(0, 2));
  await until(() => platform.count(`0 cluster.dial_failed ${name(2)}`) > 0, { what: 'a dial' });
  t.strictSame(a.local.nodes(), [name(1)]);
  t.strictSame(b.local.nodes(), [name(0)]);
  t.strictSame(lost, []);
});

t.test('an entry that leads to ourselves, or to nobody yet, does no harm', { skip }, async (t) => {
  const commonPort = await freePort();
  const platform = new Platform(t, commonPort);
  // Our own address under another key, our own key with another address, and one where nobody is.
  const entries = { ...{ 'hello.9': host(0), 'hello.0': '127.0.0.9' }, 'hello.1': host(1) };
  platform.replace(JSON.stringify(entries));
  const a = await platform.start(0);
  t.strictSame(a.local.nodes(), []);
  t.equal(platform.count(`0 cluster.dial_failed ${name(1)}`), 1);
  t.equal(platform.count('0 '), 1, 'nobody else was dialled');

  // Half-started: its port is bound, and it lets nobody in yet.
  const b = await LocalNode.start(platform.options(1));
  t.teardown(() => b.stop());
  const blocked = createServer().listen(commonPort, host(2));
  t.teardown(() => blocked.close());
  platform.replace(platform.list(0, 1, 2));
  await until(() => platform.count('0 ') >= 2, { timeoutMs: 30_000, what: 'another attempt' });
  t.strictSame(a.local.nodes(), []);
  b.accept();
  await knows(a, 1);
});
