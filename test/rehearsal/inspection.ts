import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import {
  countProblems,
  type Inspected,
  lastProblems,
  meshProblems,
} from '../support/rehearsal/inspection.ts';

/** An instance that says what it is told to, to every path. */
async function startInstance(t: Test, address: string, says: object): Promise<Inspected> {
  const server = createServer((_, response) => response.end(JSON.stringify(says)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  return { name: `app of ${address}`, address, url: `http://127.0.0.1:${port}` };
}

const view = (current: string, ...others: readonly string[]): object => ({
  current_node: current,
  all_nodes: [current, ...others],
  total_nodes: others.length + 1,
});

t.test('a complete mesh with the right names has no problem', async (t) => {
  const instances = [
    await startInstance(t, '10.0.0.1', view('app@10.0.0.1', 'app@10.0.0.2')),
    await startInstance(t, '10.0.0.2', view('app@10.0.0.2', 'app@10.0.0.1')),
  ];
  t.strictSame(await meshProblems(instances, 'app'), []);
});

t.test('whoever is missing, strange or misnamed is told', async (t) => {
  const instances = [
    await startInstance(t, '10.0.0.1', view('app@10.0.0.1')),
    await startInstance(t, '10.0.0.2', view('app@10.0.0.2', 'app@10.0.0.1', 'app@10.0.0.9')),
    await startInstance(t, '10.0.0.3', view('app@host', 'app@10.0.0.1', 'app@10.0.0.2')),
  ];
  t.strictSame(await meshProblems(instances, 'app'), [
    'app of 10.0.0.1 does not see app@10.0.0.2, app@10.0.0.3',
    'app of 10.0.0.2 does not see app@10.0.0.3',
    'app of 10.0.0.2 still sees app@10.0.0.9',
    'app of 10.0.0.3 should be app@10.0.0.3 and says that it is app@host',
    'app of 10.0.0.3 does not see app@10.0.0.3',
    'app of 10.0.0.3 still sees app@host',
  ]);
});

t.test('so is a total that is none, and an instance that says nothing', async (t) => {
  const total = { ...view('app@10.0.0.1'), total_nodes: 2 };
  const wrong = await startInstance(t, '10.0.0.1', total);
  t.match(await meshProblems([wrong], 'app'), [/counts 2 nodes/]);
  const silent = { ...wrong, url: 'http://127.0.0.1:1' };
  t.match(await meshProblems([silent], 'app'), [/does not say whom it sees/]);
  t.match(await countProblems([silent], 0), [/does not say its count/]);
});

t.test('a count that differs is told', async (t) => {
  const instances = [
    await startInstance(t, '10.0.0.1', { count: 7 }),
    await startInstance(t, '10.0.0.2', { count: 8 }),
  ];
  t.strictSame(await countProblems(instances, 7), ['app of 10.0.0.2 counts 8, not 7']);
});

t.test('it looks again until nothing is wrong, or the time is up', async (t) => {
  let looks = 0;
  const look = async () => {
    looks += 1;
    return looks < 3 ? ['not yet'] : [];
  };
  t.strictSame(await lastProblems(look, { intervalMs: 1 }), []);
  t.equal(looks, 3);
  t.strictSame(await lastProblems(async () => ['never'], { timeoutMs: 0 }), ['never']);
});
