import t from 'tap';
import { PubSub } from '../../../../lib/pubsub/pubsub.ts';
import { setUpMetrics } from '../../../support/metrics-under-test.ts';
import { seriesValue } from '../../../support/prometheus-text.ts';

t.test('messages are read from the service, and what goes wrong is counted', async (t) => {
  const pubsub = await PubSub.start();
  t.teardown(() => pubsub.stop());
  const { telemetry, read } = setUpMetrics({ pubsub: () => pubsub.figures });
  pubsub.subscribe('a', () => undefined);
  pubsub.subscribe('a', () => undefined);
  for (let at = 0; at < 100; at += 1) pubsub.broadcast(`topic ${at}`, at);
  pubsub.broadcast('a', 1);
  telemetry.execute('pubsub.listener.failure', {}, { topic: 'a' });
  telemetry.execute('pubsub.stream.overflow', {}, { topic: 'a' });
  const families = await read();
  const value = (name: string) => seriesValue(families, `hello_distributed_pubsub_${name}_total`);
  t.equal(value('published_messages'), 101);
  t.equal(value('received_messages'), 0);
  t.equal(value('delivered_messages'), 2);
  t.equal(value('listener_failures'), 1);
  t.equal(value('overflows'), 1);
});
