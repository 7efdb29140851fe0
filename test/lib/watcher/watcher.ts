import t from 'tap';
import { Visitor } from '../../../lib/check/visitor.ts';
import { type Sight, Watcher } from '../../../lib/watcher/watcher.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { body, FakeDeployment } from '../../support/fake-deployment.ts';

function watch() {
  const deployment = new FakeDeployment();
  const clock = new FakeClock();
  const sights: Sight[] = [];
  const { fetch } = deployment;
  const visitor = new Visitor({ url: 'https://example.org', timeoutMs: 1_000, fetch });
  const onSight = (sight: Sight): void => void sights.push(sight);
  return { deployment, clock, sights, watcher: new Watcher({ visitor, clock, onSight }) };
}

t.test('looks at once, and then at the interval', async (t) => {
  const { deployment, clock, sights, watcher } = watch();
  await watcher.start();
  t.strictSame(sights, [{ type: 'seen', node: 'a@h', nodes: 1, count: deployment.count }]);
  deployment.nodes = ['a@h', 'b@h'];
  deployment.count += 1n;
  t.strictSame(clock.delays, [60_000]);
  await clock.advance(60_000);
  t.match(sights[1], { type: 'seen', nodes: 2, count: deployment.count });
});

t.test('what is wrong is told, and does not end it', async (t) => {
  const { deployment, clock, sights, watcher } = watch();
  deployment.lie = () => body({}, 503);
  await watcher.start();
  t.match(sights[0], { type: 'failed', error: { code: 'unavailable' } });
  deployment.lie = () => undefined;
  await clock.advance(60_000);
  t.match(sights[1], { type: 'seen' });
});

t.test('stopped, it looks no more, and tells nothing of a look under way', async (t) => {
  const { clock, sights, watcher } = watch();
  await watcher.start();
  watcher.stop();
  t.equal(clock.pending, 0);
  const other = watch();
  const looking = other.watcher.start();
  other.watcher.stop();
  await looking;
  t.strictSame(other.sights, []);
  t.equal(other.clock.pending, 0);
  t.equal(sights.length, 1);
});
