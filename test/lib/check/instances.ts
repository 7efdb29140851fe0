import t from 'tap';
import { instancesCheck } from '../../../lib/check/instances.ts';
import { Visitor } from '../../../lib/check/visitor.ts';
import { body, FakeDeployment } from '../../support/fake-deployment.ts';

function check(deployment: FakeDeployment, expected: number): Promise<string> {
  const { fetch } = deployment;
  return instancesCheck(expected).run(new Visitor({ url: 'http://h', timeoutMs: 1_000, fetch }));
}

t.test('names those that answered', async (t) => {
  const deployment = new FakeDeployment();
  deployment.nodes = ['a@h', 'b@h', 'c@h'];
  t.match(await check(deployment, 3), /^a@h, b@h, c@h answered \d+ requests; the cluster is a@h/);
  t.match(await check(deployment, 1), /^a@h, b@h, c@h answered/, 'more are welcome');
});

t.test('too few are a failure, with those that were seen', async (t) => {
  await t.rejects(check(new FakeDeployment(), 2), {
    name: 'CheckFailure',
    message: /expected answers of 2 instances, got those of 1 in \d+ requests: a@h/,
  });
});

t.test('instances that do not see each other are a failure', async (t) => {
  const deployment = new FakeDeployment();
  deployment.nodes = ['a@h', 'b@h'];
  const view = (current: string, ...others: string[]) =>
    body({
      ...{ current_node: current, connected_nodes: others, all_nodes: [current, ...others] },
      total_nodes: 1 + others.length,
    });
  let turn = 0;
  deployment.lie = () => (turn++ % 2 === 0 ? view('a@h') : view('b@h'));
  await t.rejects(check(deployment, 2), { message: /not one cluster: a@h sees a@h; b@h sees b@h/ });
  deployment.lie = () => (turn++ % 2 === 0 ? view('a@h', 'c@h') : view('c@h', 'a@h'));
  t.match(await check(deployment, 2), /the cluster is a@h, c@h/);
});
