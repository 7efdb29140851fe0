import t from 'tap';
import { setUpMetrics } from '../../../support/metrics-under-test.ts';
import { seriesValue } from '../../../support/prometheus-text.ts';

t.test('the count and its owner are read when somebody asks', async (t) => {
  let figures: { value: number | bigint; isOwner: boolean } = { value: 3, isOwner: true };
  const { read } = setUpMetrics({
    counter: { read: () => figures, isName: () => false },
  });
  const first = await read();
  t.equal(seriesValue(first, 'hello_distributed_increments'), 3);
  t.equal(seriesValue(first, 'hello_distributed_owner'), 1);
  figures = { value: 2n ** 70n, isOwner: false };
  const second = await read();
  t.equal(seriesValue(second, 'hello_distributed_increments'), 2 ** 70);
  t.equal(seriesValue(second, 'hello_distributed_owner'), 0);
});

t.test('changes of the owner are counted, and their durations kept in seconds', async (t) => {
  const { telemetry, read } = setUpMetrics();
  const change = async (what: string) =>
    seriesValue(await read(), 'hello_distributed_owner_changes_total', { change: what });
  t.equal(await change('taken_over'), 0, 'known before the first one');
  telemetry.execute('counter.owner.taken_over', { durationMs: 40 }, { cause: 'free' });
  telemetry.execute('counter.owner.taken_over', {}, { cause: 'hand_off' });
  telemetry.execute('counter.owner.handed_over', { durationMs: 8 }, { peer: 'b@h' });
  telemetry.execute('counter.owner.ended', {}, { reason: 'killed' });
  telemetry.execute('counter.owner.lost', {}, { peer: 'b@h' });
  telemetry.execute('counter.merged', { added: 5, total: 9 }, { peer: 'b@h' });
  t.equal(await change('taken_over'), 2);
  for (const what of ['handed_over', 'ended', 'lost']) t.equal(await change(what), 1, what);
  const families = await read();
  t.equal(seriesValue(families, 'hello_distributed_take_over_duration_seconds_count'), 1);
  t.equal(seriesValue(families, 'hello_distributed_take_over_duration_seconds_sum'), 0.04);
  t.equal(seriesValue(families, 'hello_distributed_hand_over_duration_seconds_sum'), 0.008);
  t.equal(seriesValue(families, 'hello_distributed_merged_increments_total'), 5);
});

t.test(
  'every owner that gets the name is counted, wherever it lives, and no other name',
  async (t) => {
    const counter = {
      read: () => ({ value: 0, isOwner: false }),
      isName: (name: unknown) => name === 'counter',
    };
    const { telemetry, read } = setUpMetrics({ counter });
    for (const name of ['counter', 'another', 'counter', undefined]) {
      telemetry.execute('global.name.registered', {}, { name, pid: '<0.1.0>' });
    }
    t.equal(seriesValue(await read(), 'hello_distributed_owner_registrations_total'), 2);
  },
);
