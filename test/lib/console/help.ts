import t from 'tap';
import { createBindings } from '../../../lib/console/bindings.ts';
import { HELP } from '../../../lib/console/help.ts';
import { Counter } from '../../../lib/counter.ts';
import { startNode } from '../../../lib/distribution/index.ts';

t.test('mentions everything that is in scope', async (t) => {
  const node = await startNode();
  t.teardown(() => node.stop());
  const counter = new Counter({ node });
  const bindings = createBindings({
    node,
    counter,
    application: { pubsub: undefined, onPubSub: () => {} },
    exit: () => {},
  });
  for (const [name, value] of Object.entries(bindings)) {
    if (name === 'help') continue;
    const members = typeof value === 'object' && value !== null ? Object.keys(value) : undefined;
    const calls = members?.map((member) => `${name}.${member}(`) ?? [`${name}(`];
    for (const call of calls) t.ok(HELP.includes(call), call);
  }
});
