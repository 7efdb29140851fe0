import t from 'tap';
import { atom, startNode } from '../../../../lib/distribution/index.ts';
import { setUpMetrics } from '../../../support/metrics-under-test.ts';
import { seriesValue } from '../../../support/prometheus-text.ts';

t.test('calls are counted and timed, failures by reason', async (t) => {
  const { telemetry, read } = setUpMetrics();
  const node = await startNode({ telemetry });
  t.teardown(() => node.stop());
  await node.client.call(atom('net_kernel'), atom('nonsense'), { timeoutMs: 50 }).catch(() => {});
  await t.rejects(node.client.call(atom('nobody'), atom('hello')), { code: 'noproc' });
  telemetry.execute('gen_server.call.stop', { durationMs: 3 }, { outcome: 'reply' });
  const families = await read();
  t.equal(seriesValue(families, 'hello_distributed_calls_total'), 3);
  t.equal(seriesValue(families, 'hello_distributed_call_duration_seconds_count'), 3);
  t.equal(seriesValue(families, 'hello_distributed_call_failures_total', { reason: 'noproc' }), 1);
  t.equal(
    seriesValue(families, 'hello_distributed_call_failures_total', { reason: 'reply' }),
    undefined,
  );
});

t.test('reasons stay few', async (t) => {
  const { telemetry, read } = setUpMetrics();
  for (let at = 0; at < 1_000; at += 1) {
    telemetry.execute('gen_server.call.stop', {}, { outcome: `reason${at}` });
  }
  const families = await read();
  t.equal(families.get('hello_distributed_call_failures_total')?.series.length, 21);
  t.equal(seriesValue(families, 'hello_distributed_call_failures_total', { reason: 'other' }), 980);
});
