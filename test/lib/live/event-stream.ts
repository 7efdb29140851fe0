import t from 'tap';
import { EventStream, type EventStreamOptions } from '../../../lib/live/event-stream.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';

function make(options: Partial<EventStreamOptions> = {}) {
  const clock = new FakeClock();
  const stream = new EventStream({
    ...{ incarnation: 'a@h/1', clock, snapshot: () => '{"all":true}' },
    ...options,
  });
  return { clock, stream };
}

type Reader = AsyncIterableIterator<Uint8Array, undefined>;

/** The next chunk as text; `end` at the end. */
async function next(reader: Reader | undefined): Promise<string> {
  const result = await reader?.next();
  return result?.value === undefined ? 'end' : Buffer.from(result.value).toString();
}

const event = (number: number, type: string, data: string, incarnation = 'a@h/1') =>
  `id: ${incarnation}/${number}\nevent: ${type}\ndata: ${data}\n\n`;

t.test('a new reader begins with a snapshot, and goes on with what comes after it', async (t) => {
  const { stream } = make();
  stream.publish('counter', '1');
  const reader = stream.open();
  t.equal(stream.readers, 0, 'nobody reads before the first chunk is asked for');
  t.equal(await next(reader), `retry: 1000\n\n${event(1, 'snapshot', '{"all":true}')}`);
  t.equal(stream.readers, 1);
  stream.publish('counter', '2');
  t.equal(await next(reader), event(2, 'counter', '2'));
  const waiting = next(reader);
  stream.publish('counter', '3');
  t.equal(await waiting, event(3, 'counter', '3'));
});

t.test('a reader that comes back with an id gets exactly what came after it', async (t) => {
  const { stream } = make();
  for (const data of ['1', '2', '3']) stream.publish('counter', data);
  const reader = stream.open('a@h/1/1');
  t.equal(await next(reader), 'retry: 1000\n\n');
  t.equal(await next(reader), event(2, 'counter', '2'));
  t.equal(await next(reader), event(3, 'counter', '3'));
  const latest = stream.open('a@h/1/3');
  t.equal(await next(latest), 'retry: 1000\n\n', 'nothing was missed');
});

t.test(
  'an id of another node, another start, or beyond the ring begins with a snapshot',
  async (t) => {
    const { stream } = make({ maxEvents: 2 });
    for (const data of ['1', '2', '3', '4']) stream.publish('counter', data);
    for (const id of [
      'b@h/1/3',
      'a@h/2/3',
      'a@h/1/1',
      'a@h/1/5',
      'a@h/1/x',
      'a@h/1/',
      'nonsense',
      '',
    ]) {
      t.match(await next(stream.open(id)), 'event: snapshot', id);
    }
    t.equal(await next(stream.open('a@h/1/2')), 'retry: 1000\n\n', 'the oldest that is complete');
  },
);

t.test('every reader gets the very same bytes', async (t) => {
  const { stream } = make();
  const readers = Array.from({ length: 5 }, () => stream.open());
  const snapshots = await Promise.all(readers.map((reader) => reader?.next()));
  t.equal(snapshots.length, 5);
  stream.publish('counter', '1');
  const chunks = await Promise.all(readers.map((reader) => reader?.next()));
  for (const chunk of chunks) t.equal(chunk?.value, chunks[0]?.value);
});

t.test('one snapshot is made for all who come between two events', async (t) => {
  let made = 0;
  const { stream } = make({
    snapshot: () => {
      made += 1;
      return '{}';
    },
  });
  for (let i = 0; i < 3; i += 1) await next(stream.open());
  t.equal(made, 1);
  stream.publish('counter', '1');
  await next(stream.open());
  t.equal(made, 2);
});

t.test('a reader that falls behind the ring comes to its end', async (t) => {
  const { stream } = make({ maxEvents: 2 });
  const slow = stream.open();
  await next(slow);
  for (const data of ['1', '2', '3']) stream.publish('counter', data);
  t.equal(await next(slow), 'end');
  t.equal(stream.readers, 0);
  t.equal(await next(slow), 'end', 'and stays there');
});

t.test('the ring is bounded by bytes, and keeps the newest event however large', async (t) => {
  const { stream } = make({ maxBytes: 300 });
  for (let i = 0; i < 9; i += 1) stream.publish('counter', 'x'.repeat(100));
  t.match(await next(stream.open('a@h/1/6')), 'event: snapshot', 'two fit');
  t.equal(await next(stream.open('a@h/1/7')), 'retry: 1000\n\n');
  stream.publish('counter', 'x'.repeat(1000));
  const reader = stream.open('a@h/1/9');
  await next(reader);
  t.match(await next(reader), 'x'.repeat(1000));
});

t.test('who waits is told every 15 seconds that the stream is alive', async (t) => {
  const { clock, stream } = make();
  const reader = stream.open();
  const busy = stream.open();
  await next(reader);
  await next(busy);
  const waiting = next(reader);
  await clock.advance(14_999);
  stream.publish('counter', '1');
  t.equal(await waiting, event(1, 'counter', '1'));
  const again = next(reader);
  await clock.advance(1);
  t.equal(await again, ': keep-alive\n\n');
  t.equal(await next(busy), event(1, 'counter', '1'), 'who does not wait is told nothing');
  const third = next(reader);
  await clock.advance(15_000);
  t.equal(await third, ': keep-alive\n\n');
});

t.test(
  'a reader that is ended while it waits comes to its end; the last one stops the timer',
  async (t) => {
    const { clock, stream } = make();
    const reader = stream.open();
    await next(reader);
    t.equal(clock.pending, 1);
    const waiting = next(reader);
    await reader?.return?.();
    t.equal(await waiting, 'end');
    t.equal(clock.pending, 0);
    stream.publish('counter', '1');
    await settle();
  },
);

t.test('there are so many readers, and no more', async (t) => {
  const { stream } = make({ maxReaders: 1 });
  const first = stream.open();
  await next(first);
  t.equal(stream.open(), undefined);
  await first?.return?.();
  t.ok(stream.open());
});

t.test('close ends all readers, and those to come', async (t) => {
  const { clock, stream } = make();
  const reader = stream.open();
  const late = stream.open();
  await next(reader);
  const waiting = next(reader);
  stream.close();
  t.equal(await waiting, 'end');
  t.equal(await next(late), 'end', 'opened before, read after');
  t.equal(stream.open(), undefined);
  stream.publish('counter', '1');
  t.equal(clock.pending, 0);
});
