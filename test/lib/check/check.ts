import t from 'tap';
import { checkDeployment } from '../../../lib/check/check.ts';
import type { CheckOptions } from '../../../lib/check/options.ts';
import { body, FakeDeployment } from '../../support/fake-deployment.ts';

const OPTIONS: CheckOptions = {
  ...{ url: 'https://example.org', instances: 1, increments: 3, timeoutMs: 1_000, shared: false },
};

async function run(deployment: FakeDeployment) {
  const lines: string[] = [];
  const well = await checkDeployment(OPTIONS, {
    say: (line) => lines.push(line),
    fetch: deployment.fetch,
  });
  return { well, lines };
}

t.test('reports every check, and that all is well', async (t) => {
  const { well, lines } = await run(new FakeDeployment());
  t.equal(well, true);
  t.equal(lines[0], 'checking https://example.org');
  t.equal(lines.filter((line) => line.startsWith('ok    ')).length, lines.length - 2);
  t.match(lines.at(-1), /^all 10 checks are well$/);
});

t.test('one that fails does not keep the others from running', async (t) => {
  const deployment = new FakeDeployment();
  deployment.lie = ({ url }) => (url.endsWith('/health') ? body({}, 500) : undefined);
  const { well, lines } = await run(deployment);
  t.equal(well, false);
  t.match(lines[3], /^FAIL {2}GET \/health and GET \/ready .*got 500/);
  t.equal(lines.length, 12);
  t.equal(lines.at(-1), '1 of 10 checks failed');
});

t.test('where nobody answers the rest is left out', async (t) => {
  const deployment = new FakeDeployment();
  deployment.lie = () => Promise.reject(new Error('connect ECONNREFUSED'));
  const { well, lines } = await run(deployment);
  t.equal(well, false);
  t.match(lines, [
    'checking https://example.org',
    /^FAIL {2}GET \/ says hello: GET \/: no answer: connect ECONNREFUSED/,
    'nobody answers: the other 9 checks are left out',
  ]);
});
