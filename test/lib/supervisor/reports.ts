import t from 'tap';
import { completeChildSpec } from '../../../lib/supervisor/child-spec.ts';
import { Reports } from '../../../lib/supervisor/reports.ts';
import { Telemetry } from '../../../lib/telemetry/telemetry.ts';
import { FakeChildren } from '../../support/fake-child.ts';

const spec = completeChildSpec(new FakeChildren().spec('a'));

t.test('errors name the supervisor, and the child and the cause where there are any', async (t) => {
  const reports = new Reports('top', undefined);
  const bare = reports.error('stopped', 'is stopping or has ended');
  t.match(bare, { code: 'stopped', message: 'supervisor "top" is stopping or has ended' });
  t.equal(bare.childId, undefined);
  t.notOk('cause' in bare);
  const cause = new Error('port in use');
  t.match(reports.startError(spec, cause), {
    code: 'start_failed',
    childId: 'a',
    cause,
    message: /"top" could not start child "a": .*port in use/,
  });
});

t.test('events say whose child they are about', async (t) => {
  const telemetry = new Telemetry();
  const seen: unknown[] = [];
  telemetry.attach('test', 'supervisor.*', (...event) => seen.push(event));
  new Reports('top', telemetry).emit('supervisor.child.started', spec, { durationMs: 3 }, { x: 1 });
  const metadata = { supervisor: 'top', childId: 'a', childType: 'worker', restart: 'permanent' };
  t.match(seen, [['supervisor.child.started', { durationMs: 3 }, { ...metadata, x: 1 }]]);
});

t.test('without telemetry events go nowhere', async (t) => {
  t.doesNotThrow(() => new Reports('top', undefined).emit('supervisor.child.started', spec));
});
