import t from 'tap';
import { atom } from '../../../lib/distribution/index.ts';
import { clusterEventSchema, describe, TOLD_EVENTS } from '../../../lib/live/cluster-event.ts';

t.test('says what the telemetry events mean to a spectator', async (t) => {
  const node = 'a@h';
  for (const [event, measurements, metadata, expected] of [
    [
      'distribution.node.down',
      {},
      { node, peer: 'b@h', visible: true, reason: 'net_tick_timeout' },
      { type: 'nodedown', about: 'b@h', detail: 'net_tick_timeout' },
    ],
    ['distribution.node.down', {}, { node, peer: 'b@h', visible: false, reason: 'x' }, undefined],
    [
      'global.name.conflict',
      {},
      { node, name: atom('Elixir.Name') },
      { type: 'conflict', about: "'Elixir.Name'", detail: '' },
    ],
    [
      'counter.owner.taken_over',
      { durationMs: 12.4 },
      { node, cause: 'free' },
      { type: 'take_over', about: 'a@h', detail: 'free for 12 ms' },
    ],
    [
      'counter.owner.taken_over',
      {},
      { node, cause: 'hand_off' },
      { type: 'take_over', about: 'a@h', detail: 'hand_off' },
    ],
    [
      'counter.owner.handed_over',
      { durationMs: 3 },
      { node, peer: 'b@h' },
      { type: 'hand_over', about: 'a@h', detail: 'b@h' },
    ],
    [
      'counter.owner.lost',
      {},
      { node, peer: 'b@h' },
      { type: 'lost', about: 'a@h', detail: 'b@h' },
    ],
    [
      'counter.merged',
      { added: 7, total: 9 },
      { node, peer: 'b@h' },
      { type: 'merge', about: 'a@h', detail: '7' },
    ],
    [
      'supervisor.child.restarted',
      {},
      { supervisor: 'application', childId: 'endpoint' },
      { type: 'restart', about: 'endpoint', detail: '' },
    ],
    ['http.request.stop', {}, {}, undefined],
  ] as const) {
    const happening = describe(event, measurements, metadata);
    t.strictSame(happening, expected, event);
    if (happening === undefined) continue;
    t.ok(TOLD_EVENTS.includes(event));
    t.ok(clusterEventSchema.safeParse({ id: '1', at: 1, node, ...happening }).success);
  }
});

t.test('what a node tells is never longer than others accept', async (t) => {
  const long = describe('supervisor.child.restarted', {}, { childId: 'x'.repeat(10_000) });
  t.ok(clusterEventSchema.safeParse({ id: '1', at: 1, node: 'a@h', ...long }).success);
});

t.test('what is no event is refused', async (t) => {
  const good = { id: '1', at: 1, node: 'a@h', type: 'nodeup', about: 'b@h', detail: '' };
  t.ok(clusterEventSchema.safeParse(good).success);
  for (const bad of [
    null,
    'nodeup',
    { ...good, type: 'explosion' },
    { ...good, at: -1 },
    { ...good, at: 8_640_000_000_000_001 },
    { ...good, about: 'x'.repeat(256) },
    { ...good, id: '' },
    { ...good, detail: undefined },
  ]) {
    t.notOk(clusterEventSchema.safeParse(bad).success);
  }
});
