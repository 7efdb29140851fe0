import t from 'tap';
import { Supervisor } from '../../../../lib/supervisor/supervisor.ts';
import { FakeChildren } from '../../../support/fake-child.ts';
import { setUpMetrics } from '../../../support/metrics-under-test.ts';
import { seriesValue } from '../../../support/prometheus-text.ts';

const RESTARTS = 'hello_distributed_restarts_total';

t.test('a child that a supervisor starts again is counted', async (t) => {
  const { telemetry, read } = setUpMetrics();
  const children = new FakeChildren();
  const supervisor = await Supervisor.start({
    ...{ name: 'application', telemetry },
    children: [children.spec('endpoint'), children.spec('counter')],
  });
  t.teardown(async () => {
    supervisor.shutdown();
    await supervisor.exited;
  });
  const restarted = new Promise<void>((resolve) => {
    telemetry.attach('test', 'supervisor.child.restarted', () => resolve());
  });
  children.get('counter').crash();
  await restarted;
  const families = await read();
  const supervisorName = { supervisor: 'application' };
  t.equal(seriesValue(families, RESTARTS, { ...supervisorName, child: 'counter' }), 1);
  t.equal(seriesValue(families, RESTARTS, { ...supervisorName, child: 'endpoint' }), undefined);
});

t.test('however many children there are, the series stay few', async (t) => {
  const { telemetry, read } = setUpMetrics();
  for (let at = 0; at < 1_000; at += 1) {
    telemetry.execute('supervisor.child.restarted', {}, { supervisor: 's', childId: `c${at}` });
  }
  t.equal((await read()).get(RESTARTS)?.series.length, 101);
});
