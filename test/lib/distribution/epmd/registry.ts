import t from 'tap';
import {
  EpmdRegistry,
  MAX_NAMES,
  MAX_REMEMBERED_CREATIONS,
  narrowCreation,
} from '../../../../lib/distribution/epmd/registry.ts';

const entry = (name: string) => ({
  name,
  tcpPort: 1,
  nodeType: 'normal' as const,
  highestVersion: 6,
  lowestVersion: 5,
  extra: new Uint8Array(0),
});

t.test('a name is given once, until it is free again', async (t) => {
  const registry = new EpmdRegistry(() => 0.5);
  t.ok(registry.register(entry('a')));
  t.equal(registry.register(entry('a')), undefined);
  t.equal(registry.get('a')?.name, 'a');
  registry.unregister('a');
  t.equal(registry.get('a'), undefined);
  t.ok(registry.register(entry('a')));
});

t.test(
  'a creation starts at random, at least 4, and grows by one for each registration',
  async (t) => {
    let random = 0;
    const registry = new EpmdRegistry(() => random);
    t.equal(registry.register(entry('lowest')), 4);
    random = 1 - Number.EPSILON;
    t.equal(registry.register(entry('highest')), 0xffffffff);
    registry.unregister('highest');
    t.equal(registry.register(entry('highest')), 4, 'wraps past the largest');
    registry.unregister('lowest');
    t.equal(registry.register(entry('lowest')), 5);
  },
);

t.test('at most MAX_NAMES names', async (t) => {
  const registry = new EpmdRegistry(Math.random);
  for (let i = 0; i < MAX_NAMES; i++) registry.register(entry(`n${i}`));
  t.equal(registry.register(entry('one-more')), undefined);
  registry.unregister('n0');
  t.ok(registry.register(entry('one-more')));
});

t.test('the oldest creations are forgotten, those of registered names never', async (t) => {
  let random = 0.1;
  const registry = new EpmdRegistry(() => random);
  const kept = registry.register(entry('kept'))!;
  for (const name of [
    'first',
    ...Array.from({ length: MAX_REMEMBERED_CREATIONS }, (_, i) => `n${i}`),
  ]) {
    registry.register(entry(name));
    registry.unregister(name);
  }
  random = 0;
  t.equal(registry.register(entry('first')), 4, 'a new start');
  registry.unregister('kept');
  t.equal(registry.register(entry('kept')), kept + 1);
});

t.test('a narrow creation is 1 to 3, another one each time', async (t) => {
  t.same([4, 5, 6, 7].map(narrowCreation), [2, 3, 1, 2]);
});
