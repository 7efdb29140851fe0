/** The modules of the page that need no browser. */
import t from 'tap';
import { z } from 'zod';

/** The modules are plain JavaScript: what they export is checked here, once. */
async function load(
  name: string,
): Promise<Readonly<Record<string, (...args: unknown[]) => unknown>>> {
  const url = new URL(`../../lib/dashboard/page/${name}`, import.meta.url);
  const exports: unknown = await import(url.href);
  return z
    .record(z.string(), z.unknown())
    .transform(functionsOf)
    .parse({ ...Object(exports) });
}

function functionsOf(exports: Readonly<Record<string, unknown>>) {
  const functions: Record<string, (...args: unknown[]) => unknown> = {};
  for (const [name, value] of Object.entries(exports)) {
    functions[name] = typeof value === 'function' ? (...args) => value(...args) : () => value;
  }
  return functions;
}

const node = (name: string, peers: readonly string[] = []) => ({
  ...{ name, kind: 'node', runtime: 'Node.js 24', version: '1', startedAt: 1, memoryBytes: 1 },
  ...{ connections: 1, peers },
});

const SNAPSHOT = JSON.stringify({
  ...{ counter: { count: 3, node: 'a@h' }, self: 'a@h', now: 5000, owner: 'a@h' },
  ...{ nodes: [node('a@h'), node('b@h')], events: [], load: [[1, 0, 0, 0, 0]] },
});

const stateSchema = z.object({ nodes: z.map(z.string(), z.unknown()) });

t.test('each event of the stream makes the next state', async (t) => {
  const { EMPTY, next } = await load('state.js');
  let state = next?.(EMPTY?.(), 'snapshot', SNAPSHOT, 4000);
  t.match(state, { self: 'a@h', owner: 'a@h', count: 3n, clockSkewMs: 1000 });
  const apply = (type: string, data: unknown) => {
    state = next?.(state, type, typeof data === 'string' ? data : JSON.stringify(data), 4000);
    return state;
  };
  t.match(apply('counter', `{"count":${2n ** 70n},"node":"a@h"}`), { count: 2n ** 70n });
  t.match(apply('owner', { node: null }), { owner: undefined });
  t.match(apply('owner', { node: 'b@h' }), { owner: 'b@h' });
  const names = (from: unknown) => [...stateSchema.parse(from).nodes.keys()];
  t.strictSame(names(apply('node', node('c@h'))), ['a@h', 'b@h', 'c@h']);
  t.strictSame(names(apply('gone', { name: 'a@h' })), ['b@h', 'c@h']);
  const event = { id: '1', at: 10, type: 'nodedown', about: 'a@h', detail: '', nodes: ['b@h'] };
  t.match(apply('event', event), { events: [event] });
  t.match(apply('event', { ...event, nodes: ['b@h', 'c@h'] }), {
    events: [{ nodes: ['b@h', 'c@h'] }],
  });
  t.match(apply('event', { ...event, id: '0', at: 5 }), { events: [{ id: '0' }, { id: '1' }] });
  t.match(apply('load', { point: [2, 1, 1, 1, 1], nodes: { 'b@h': { requests: 1 } } }), {
    load: [[1], [2, 1]],
    nodeLoad: { 'b@h': { requests: 1 } },
  });
  t.equal(apply('a type of the future', {}), state);
  t.match(apply('snapshot', SNAPSHOT), { count: 3n, events: [] });
  t.strictSame(names(state), ['a@h', 'b@h']);
});

t.test('what a page remembers is bounded', async (t) => {
  const { EMPTY, next } = await load('state.js');
  let state = next?.(EMPTY?.(), 'snapshot', SNAPSHOT, 4000);
  for (let i = 0; i < 400; i += 1) {
    const event = { id: String(i), at: i, type: 'restart', about: 'x', detail: '', nodes: ['a@h'] };
    state = next?.(state, 'event', JSON.stringify(event), 0);
    state = next?.(state, 'load', JSON.stringify({ point: [i, 0, 0, 0, 0], nodes: {} }), 0);
  }
  t.match(state, { events: { length: 100 }, load: { length: 300 } });
});

t.test('an answer to an increment never sets the count back', async (t) => {
  const { counted, EMPTY } = await load('state.js');
  const four = counted?.(EMPTY?.(), '{"count":4,"node":"a@h"}');
  t.match(four, { count: 4n });
  t.equal(counted?.(four, '{"count":3}'), four);
  t.match(counted?.(four, '{"count":5}'), { count: 5n });
  t.equal(counted?.(four, '{}'), four);
});

const pointSchema = z.object({ x: z.number(), y: z.number() });
const placesSchema = z.map(z.string(), pointSchema);

t.test('nodes have places of their own within the picture', async (t) => {
  const { layout } = await load('layout.js');
  for (const size of [
    { width: 640, height: 340 },
    { width: 340, height: 340 },
  ]) {
    for (let count = 1; count <= 9; count += 1) {
      const names = Array.from({ length: count }, (_, i) => `n${i}@h`);
      const places = [...placesSchema.parse(layout?.(names, size)).values()];
      for (const [at, { x, y }] of places.entries()) {
        t.ok(
          x > 40 && x < size.width - 40 && y > 60 && y < size.height - 60,
          `${count}: ${x} ${y}`,
        );
        for (const other of places.slice(at + 1)) {
          t.ok(Math.hypot(x - other.x, y - other.y) > 40, `${count} nodes do not touch`);
        }
      }
    }
  }
});

t.test('a link is one link, whoever tells of it', async (t) => {
  const { linksOf } = await load('layout.js');
  const links = linksOf?.([
    node('a@h', ['b@h', 'e@h', 'unknown@h', 'a@h']),
    node('b@h', ['a@h', 'e@h']),
    node('e@h'),
  ]);
  t.match(links, [
    { a: 'a@h', b: 'b@h' },
    { a: 'a@h', b: 'e@h' },
    { a: 'b@h', b: 'e@h' },
  ]);
  t.match(links, { length: 3 });
});

t.test('values are written as a person reads them', async (t) => {
  const format = await load('format.js');
  for (const [name, value, expected] of [
    ['formatCount', 0n, '0'],
    ['formatCount', 1234567n, '1,234,567'],
    ['formatCount', 2n ** 70n, '1,180,591,620,717,411,303,424'],
    ['formatRate', 0.25, '0.3'],
    ['formatRate', 1234.5, '1,235'],
    ['formatLatency', 0, '0 ms'],
    ['formatLatency', 0.0834, '0.083 ms'],
    ['formatLatency', 4.56, '4.6 ms'],
    ['formatLatency', 123.4, '123 ms'],
    ['formatLatency', 2345, '2.3 s'],
    ['formatBytes', 85_400_000, '85 MB'],
    ['formatBytes', 2_340_000_000, '2.3 GB'],
    ['formatDuration', -5, '0 s'],
    ['formatDuration', 61_000, '1 min 1 s'],
    ['formatDuration', 3_600_000, '1 h'],
    ['formatDuration', 90_000_000, '1 d 1 h'],
    ['listOf', [], ''],
    ['listOf', ['a'], 'a'],
    ['listOf', ['a', 'b', 'c'], 'a, b and c'],
  ] as const) {
    t.equal(format[name]?.(value), expected, `${name} ${value}`);
  }
});

t.test('names are as short as they can be told apart', async (t) => {
  const { shortNames } = await load('format.js');
  const short = (...names: string[]) => [
    ...z.map(z.string(), z.string()).parse(shortNames?.(names)).values(),
  ];
  t.strictSame(short('node1@127.0.0.1', 'node2@127.0.0.1'), ['node1', 'node2']);
  t.strictSame(short('app@10.0.0.1', 'app@10.0.0.2'), ['10.0.0.1', '10.0.0.2']);
  t.strictSame(short('a@x', 'a@y', 'b@x'), ['a@x', 'a@y', 'b@x']);
});

t.test('every event has its sentence', async (t) => {
  const { sentence } = await load('events.js');
  for (const [type, about, detail, expected] of [
    ['nodeup', 'b@h', '', 'b@h joined'],
    ['nodedown', 'b@h', 'net_tick_timeout', 'b@h left: it was silent for too long'],
    ['nodedown', 'b@h', 'something_new', 'b@h left: something_new'],
    ['conflict', 'counter', '', 'counter had two owners'],
    ['take_over', 'b@h', 'free for 12 ms', 'b@h took over the counter, which was free for 12 ms'],
    ['take_over', 'b@h', 'hand_off', 'b@h took over the counter'],
    ['hand_over', 'a@h', 'b@h', 'a@h handed the counter over to b@h'],
    ['lost', 'a@h', 'b@h', 'a@h gave up the counter to b@h'],
    ['merge', 'a@h', '1234', 'a@h added 1,234 that were counted elsewhere'],
    ['restart', 'endpoint', '', 'a@h restarted its endpoint'],
    ['of the future', 'x', '', 'x: of the future'],
  ] as const) {
    t.equal(sentence?.({ type, about, detail, nodes: ['a@h'] }), expected);
  }
});
