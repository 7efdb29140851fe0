import { existsSync } from 'node:fs';
import {
  type FileHandle,
  mkdir,
  open as openFile,
  readdir,
  readFile,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { CounterDisk, CounterDiskError } from '../../../lib/counter/disk.ts';
import { type CounterSnapshot, CounterState } from '../../../lib/counter/state.ts';
import { COUNTER_NAME, Counter } from '../../../lib/counter.ts';
import { atom, startNode } from '../../../lib/distribution/index.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { CounterCluster } from '../../support/counter-cluster.ts';
import { until } from '../../support/until.ts';

const STATE: CounterSnapshot = {
  watermarkDay: 3,
  base: 2n ** 70n,
  sessions: [['a@h/20000/n', { seq: 3, share: 5, counted: 1, value: 2n ** 64n }]],
  keys: [['k "ä"', { value: 4, expiresAt: 1_700_000_000_000, certainty: 1 }]],
};

function open(t: Test, nodeName = 'a@h', state: () => CounterSnapshot = () => STATE) {
  return new CounterDisk({
    ...{ directory: join(t.testdirName, 'data'), nodeName, now: () => 77 },
    snapshot: state,
  });
}

t.test('what was written is read again, of every node in the directory', async (t) => {
  t.testdir();
  const disk = open(t);
  t.strictSame(await disk.load(), { snapshots: [], refused: [] }, 'nothing there yet');
  await disk.flush();
  t.strictSame(await disk.load(), { snapshots: [STATE], refused: [] });
  const other = open(t, 'b/c@h');
  await other.flush();
  t.equal((await other.load()).snapshots.length, 2);
  t.strictSame(await readdir(join(t.testdirName, 'data')), [
    'counter-a%40h.json',
    'counter-b%2Fc%40h.json',
  ]);
});

t.test('concurrent flushes share one write, and each has what was there before it', async (t) => {
  t.testdir({ data: {} });
  const state = new CounterState();
  let writes = 0;
  const disk = open(t, 'a@h', () => {
    writes += 1;
    return state.snapshot();
  });
  const flushes = Array.from({ length: 100 }, (_, seq) => {
    state.count({ session: 'a/1/n', seq: seq + 1, plain: 1, keys: [], confirmed: undefined }, 0);
    return disk.flush();
  });
  await Promise.all(flushes);
  t.equal(writes, 2);
  t.match((await disk.load()).snapshots, [{ sessions: [['a/1/n', { share: 100 }]] }]);
});

/** Calls `before` ahead of every flush of a file or directory, for as long as the test lasts. */
async function watchSyncs(t: Test, before: () => Promise<void>): Promise<void> {
  const handle = await openFile(t.testdirName);
  const prototype: FileHandle = Object.getPrototypeOf(handle);
  await handle.close();
  t.intercept(prototype, 'sync', {
    value: async function (this: FileHandle): Promise<void> {
      await before();
      // Not `sync`, which is this very function.
      await this.datasync();
    },
  });
}

t.test(
  'it is flushed before it takes the place of the old one, and its directory after',
  async (t) => {
    t.testdir({ data: {} });
    const disk = open(t);
    const places: string[][] = [];
    await watchSyncs(t, async () => void places.push(await readdir(dirname(disk.path))));
    await disk.flush();
    t.strictSame(places, [['counter-a%40h.json.tmp'], ['counter-a%40h.json']]);
  },
);

t.test('an increment is answered once it is flushed, and not before', async (t) => {
  const directory = t.testdir({});
  const node = await startNode();
  t.teardown(() => node.stop());
  const counter = new Counter({ node, telemetry: new Telemetry(), directory });
  const child = await counter.start();
  t.teardown(() => child.shutdown());
  t.equal(await counter.increment(), 1);

  let syncs = 0;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  t.teardown(() => release());
  await watchSyncs(t, async () => {
    syncs += 1;
    await released;
  });
  let answered = false;
  const answer = counter.increment().finally(() => {
    answered = true;
  });
  await until(() => syncs > 0, { what: 'a flush' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  t.equal(answered, false, 'it waits for the disk');
  release();
  t.equal(await answer, 2);
});

t.test('a file that cannot be used is kept aside, and said to be', async (t) => {
  t.testdir({ data: {} });
  const disk = open(t);
  const good = await disk.flush().then(() => readFile(disk.path, 'utf8'));
  const cases: Record<string, string> = {
    torn: good.slice(0, -20),
    empty: '',
    foreign: '{"name":"package"}',
    changed: good.replace('"share":5', '"share":6'),
    newer: good.replace('"version":1', '"version":2'),
  };
  for (const [what, text] of Object.entries(cases)) {
    await writeFile(disk.path, text);
    const { snapshots, refused } = await disk.load();
    t.strictSame(snapshots, [], what);
    t.equal(refused[0]?.error.path, disk.path);
    t.match(refused[0]?.error.message, disk.path);
    t.equal(await readFile(refused[0]!.keptAs, 'utf8'), text, 'kept as it was');
  }
  t.equal((await readdir(dirname(disk.path))).length, Object.keys(cases).length, 'all of them');
  await mkdir(disk.path);
  t.match((await disk.load()).refused, [{ error: { message: /cannot be read/ } }]);
});

t.test('a torn file of every length is refused', async (t) => {
  t.testdir({ data: {} });
  const disk = open(t);
  await disk.flush();
  const { length } = await readFile(disk.path);
  for (let size = 0; size < length - 1; size += 7) {
    await disk.flush();
    await truncate(disk.path, size);
    t.equal((await disk.load()).refused.length, 1, `${size} of ${length} bytes`);
  }
});

t.test('a directory below which none can be made is an error', async (t) => {
  const directory = '/proc/none/counter';
  if (!existsSync('/proc/self')) return t.pass('there is no such place on this system');
  const disk = new CounterDisk({ directory, nodeName: 'a@h', snapshot: () => STATE });
  await t.rejects(disk.load(), { name: 'CounterDiskError', message: /cannot be used: ENOENT/ });
});

t.test('a directory is made with those above it, also by several nodes at once', async (t) => {
  const directory = join(t.testdir(), 'a', 'b', 'c');
  const disks = ['a@h', 'b@h', 'c@h'].map(
    (nodeName) => new CounterDisk({ directory, nodeName, snapshot: () => STATE }),
  );
  await Promise.all(disks.map((disk) => disk.load()));
  t.ok(existsSync(directory));
});

t.test('a directory that cannot be used is an error, when read and when written', async (t) => {
  t.testdir({ data: 'a file' });
  const disk = open(t);
  await t.rejects(disk.load(), CounterDiskError);
  await t.rejects(disk.flush(), { name: 'CounterDiskError', path: disk.path });
  await t.rejects(disk.flush(), CounterDiskError, 'and again');
});

t.test('all nodes are killed at once: what was acknowledged is there again', async (t) => {
  const directory = t.testdir({});
  const first = await CounterCluster.start(['a', 'b', 'c'], { directory });
  for (const one of first.counters) first.load(one);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const key = await first.counters[1]!.counter.increment({ key: 'k' });
  const nodes = [...first.counters];
  for (const one of nodes) void first.kill(one);
  await first.finish();
  await first.stop();
  const second = await CounterCluster.start(['a', 'b', 'c'], { directory });
  t.teardown(() => second.stop());
  const acknowledged = first.acknowledged.length + 1;
  const count = Number(await second.counters[0]!.counter.get());
  t.ok(count >= acknowledged && count <= acknowledged + 12, `${acknowledged}, and ${count} now`);
  t.equal(await second.counters[2]!.counter.increment({ key: 'k' }), key);
});

t.test('a refused file is an event, and the counter starts without it', async (t) => {
  const directory = t.testdir({ 'counter-x.json': 'torn' });
  const telemetry = new Telemetry();
  const refused: unknown[] = [];
  telemetry.attach('test', 'counter.disk.refused', (_, __, { path }) => refused.push(path));
  const node = await startNode();
  t.teardown(() => node.stop());
  const counter = new Counter({ node, telemetry, directory });
  const child = await counter.start();
  t.strictSame(refused, [join(directory, 'counter-x.json')]);
  t.equal(await node.client.call({ global: COUNTER_NAME }, atom('increment')), 1);
  child.shutdown();
  await child.exited;
});
