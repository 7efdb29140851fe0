/** With `DATA_DIR` nothing acknowledged is missing even when all nodes die at once. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { FaultCluster } from '../support/faults/cluster.ts';
import { type ClientOptions, send } from '../support/faults/load.ts';
import {
  CLIENTS,
  expectNoFindings,
  expectOneOwner,
  expectOrderlyStops,
  runSchedule,
  seedOf,
  underLoad,
} from '../support/faults/run-schedule.ts';
import { describeStep, generateSchedule } from '../support/faults/schedule.ts';
import { seededRandom } from '../support/seeded-random.ts';

const seed = seedOf();

t.setTimeout(240_000);

/** A cluster each of whose nodes has a directory of its own. */
async function startOnDisk(
  t: Test,
  size: number,
): Promise<{ readonly cluster: FaultCluster; readonly directories: readonly string[] }> {
  const root = await mkdtemp(join(tmpdir(), 'hello-distributed-'));
  t.teardown(() => rm(root, { recursive: true, force: true }));
  const directories = Array.from({ length: size }, (_, index) => join(root, `node${index + 1}`));
  for (const directory of directories) await mkdir(directory);
  const cluster = await FaultCluster.start(t, {
    size,
    env: (index) => ({ DATA_DIR: directories[index]! }),
  });
  return { cluster, directories };
}

t.test(`all nodes are killed at once under load, again and again, seed ${seed}`, async (t) => {
  const random = seededRandom(seed);
  const { cluster } = await startOnDisk(t, 3);
  // A retry with a key may come to a node that is back before the one that knows the first answer.
  const clients: readonly ClientOptions[] = [
    ...Array.from({ length: 4 }, () => ({ type: 'plain' as const })),
    { type: 'reader' },
  ];
  const result = await underLoad({ cluster, seed, clients }, async ({ split }) => {
    for (let round = 0; round < 4; round += 1) {
      await delay(300 + random.below(500));
      // Until they meet again, each of them knows what is in its own file, and the rest is not lost.
      await split(async () => {
        await Promise.all(cluster.members.map((member) => member.kill()));
        await Promise.all(
          cluster.members.map(async (member) => {
            await delay(random.below(400));
            await member.start();
          }),
        );
      });
    }
  });
  t.ok(result.acknowledged > 50, 'there was load');
  expectNoFindings(t, result, cluster);
  await expectOneOwner(t, cluster);
});

t.test('all nodes stop in good order and start again', async (t) => {
  const { cluster } = await startOnDisk(t, 3);
  const result = await underLoad({ cluster, seed, clients: CLIENTS }, async ({ split }) => {
    await delay(300);
    await split(async () => {
      await Promise.all(cluster.members.map((member) => cluster.stop(member)));
      await Promise.all(cluster.members.map((member) => member.start()));
    });
  });
  expectNoFindings(t, result, cluster);
  expectOrderlyStops(t, cluster);
});

t.test(`the promise of single deaths holds with files too, seed ${seed}`, async (t) => {
  const steps = generateSchedule(seededRandom(seed), {
    size: 3,
    steps: 4,
    types: ['kill', 'stop', 'kill_during_stop'],
  });
  for (const step of steps) t.comment(describeStep(step));
  const { cluster } = await startOnDisk(t, 3);
  expectNoFindings(t, await runSchedule({ cluster, seed, clients: CLIENTS }, steps), cluster);
});

t.test('a node alone keeps its count, and its keys', async (t) => {
  const { cluster } = await startOnDisk(t, 1);
  const member = cluster.member(0);
  const post = { method: 'POST', path: '/counter/increment', key: 'once' } as const;
  const first = await send(member.url ?? '', post);
  t.match(first, { type: 'answered', status: 200, count: 1 });
  await member.kill();
  await member.start();
  t.strictSame(await send(member.url ?? '', post), first, 'the retry gets the first answer');
  t.equal(await cluster.agreedCount(), 1);
});

const DAMAGES: Readonly<Record<string, (text: string) => string>> = {
  'torn at half': (text) => text.slice(0, text.length / 2),
  empty: () => '',
  'with one digit changed': (text) =>
    text.replace(/\d(?=\D*$)/, (digit) => String(9 - Number(digit))),
  'of another program': () => '{"hello":"world"}\n',
  'no JSON at all': () => '\u0000\u0001\u0002 not ours',
};

for (const [title, damage] of Object.entries(DAMAGES)) {
  t.test(`a file ${title} is kept aside, with an error that names it`, async (t) => {
    const { cluster, directories } = await startOnDisk(t, 1);
    const [directory = ''] = directories;
    const member = cluster.member(0);
    const increment = { method: 'POST', path: '/counter/increment' } as const;
    t.match(await send(member.url ?? '', increment), { status: 200 });
    await member.stop();
    const [name = 'none'] = await readdir(directory);
    const path = join(directory, name);
    const damaged = damage(await readFile(path, 'utf8'));
    await writeFile(path, damaged);

    await member.start();
    const [aside = 'none'] = (await readdir(directory)).filter((file) =>
      file.includes('.corrupt-'),
    );
    t.equal(await readFile(join(directory, aside), 'utf8'), damaged, 'nothing of it is lost');
    const told = member.log.split('\n').filter((line) => /"level":"(error|warn)"/.test(line));
    t.ok(
      told.some((line) => line.includes(name)),
      'the log names the file',
    );
    if (!told.some((line) => line.includes(name))) t.comment(member.log);
    t.match(await send(member.url ?? '', increment), { status: 200 }, 'and the node works');
    await member.kill();
    await member.start();
    t.equal(await readFile(join(directory, aside), 'utf8'), damaged, 'it stays there');
  });
}
