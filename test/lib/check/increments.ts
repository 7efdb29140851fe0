import t from 'tap';
import { incrementsCheck } from '../../../lib/check/increments.ts';
import { Visitor } from '../../../lib/check/visitor.ts';
import { body, FakeDeployment, text } from '../../support/fake-deployment.ts';

function check(deployment: FakeDeployment, increments: number, shared = false): Promise<string> {
  const visitor = new Visitor({ url: 'http://h', timeoutMs: 1_000, fetch: deployment.fetch });
  return incrementsCheck({ increments, shared }).run(visitor);
}

const isIncrement = ({ method }: Request): boolean => method === 'POST';

t.test('a counter that moves by what was sent is well, however high it stands', async (t) => {
  const deployment = new FakeDeployment();
  const before = deployment.count;
  const detail = await check(deployment, 25);
  t.equal(deployment.count, before + 25n);
  t.match(detail, `from ${before} to ${before + 25n}, answered by a@h`);
  t.equal(deployment.requests.filter(isIncrement).length, 50, 'each was sent twice');
  t.equal(
    new Set(deployment.requests.map(({ headers }) => headers.get('idempotency-key'))).size,
    26,
  );
});

t.test('an increment whose answer is lost is sent again, and counts once', async (t) => {
  const deployment = new FakeDeployment();
  let turn = 0;
  deployment.lie = (request) => {
    if (!isIncrement(request)) return undefined;
    turn += 1;
    if (turn % 5 === 0) return Promise.reject(new Error('reset'));
    return turn % 7 === 0 ? body({ errors: { detail: 'x' } }, 503) : undefined;
  };
  const before = deployment.count;
  await check(deployment, 20);
  t.equal(deployment.count, before + 20n);
});

t.test('an increment that never gets through is a failure', async (t) => {
  const deployment = new FakeDeployment();
  deployment.lie = (request) => (isIncrement(request) ? body({}, 503) : undefined);
  await t.rejects(check(deployment, 1), { code: 'unavailable' });
});

t.test('a counter that loses what it has answered is found', async (t) => {
  const deployment = new FakeDeployment();
  let lost = 0n;
  deployment.lie = async (request, answer) => {
    if (!isIncrement(request)) return answer;
    const said = await answer.text();
    if (said.includes(`:${2n ** 60n + 3n},`) && lost === 0n) {
      lost = 1n;
      deployment.count -= 1n;
    }
    return text(said);
  };
  await t.rejects(check(deployment, 10), {
    message: /10 increments were answered with 200, and the counter moved by 9 only/,
  });
});

t.test('two increments with the same answer are found', async (t) => {
  const deployment = new FakeDeployment();
  deployment.lie = (request) =>
    isIncrement(request) ? text('{"count":7,"node":"a","message":"x"}') : undefined;
  await t.rejects(check(deployment, 4), { message: /expected 4 different counts/ });
});

t.test('a key that is forgotten is found', async (t) => {
  const deployment = new FakeDeployment();
  let sent = 0;
  deployment.lie = (request) => {
    if (!isIncrement(request)) return undefined;
    sent += 1;
    return text(`{"count":${1000 + sent},"node":"a","message":"x"}`);
  };
  await t.rejects(check(deployment, 4), { message: /sent again with its key was answered/ });
});

t.test('more than was sent is a failure, unless others may count too', async (t) => {
  const deployment = new FakeDeployment();
  deployment.step = 2n;
  await t.rejects(check(deployment, 5), {
    message: /it moved by 5, 5, 5 more in 3 attempts: .* \(then add --shared\)/,
  });
  t.match(await check(deployment, 5, true), /and by 5 more: others count too/);
});

t.test('one attempt that nobody disturbs is enough', async (t) => {
  const deployment = new FakeDeployment();
  deployment.lie = (request) => {
    if (isIncrement(request) && deployment.requests.length === 3) deployment.count += 1n;
    return undefined;
  };
  t.match(await check(deployment, 5), /counted no more/);
});
