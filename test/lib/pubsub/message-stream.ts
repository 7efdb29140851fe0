import t from 'tap';
import {
  MessageStream,
  type MessageStreamOptions,
  OverflowError,
} from '../../../lib/pubsub/message-stream.ts';

function setUp(options: Partial<MessageStreamOptions> = {}) {
  const calls: string[] = [];
  const stream = new MessageStream({
    topic: 't',
    bufferSize: 2,
    overflow: 'drop_oldest',
    onClose: () => calls.push('close'),
    onOverflow: () => calls.push('overflow'),
    ...options,
  });
  return { stream, calls };
}

const done = { done: true, value: undefined };
const value = (value: unknown) => ({ done: false, value });

t.test('messages are read in order, before and after they are waited for', async (t) => {
  const { stream } = setUp();
  stream.push(1);
  t.same(await stream.next(), value(1));
  const waiting = [stream.next(), stream.next()];
  stream.push(2);
  stream.push(3);
  t.same(await Promise.all(waiting), [value(2), value(3)]);
});

t.test('undefined is a message like any other', async (t) => {
  const { stream } = setUp();
  stream.push(undefined);
  t.same(await stream.next(), value(undefined));
});

t.test('drop_oldest keeps the youngest and counts the others', async (t) => {
  const { stream, calls } = setUp();
  for (const message of [1, 2, 3, 4]) stream.push(message);
  t.equal(stream.dropped, 2);
  t.same(calls, ['overflow'], 'told once until the consumer has caught up');
  t.same([await stream.next(), await stream.next()], [value(3), value(4)]);
  for (const message of [5, 6, 7]) stream.push(message);
  t.same(calls, ['overflow', 'overflow']);
  t.notOk(stream.closed);
});

t.test('close hands out what is buffered, then throws once', async (t) => {
  const { stream, calls } = setUp({ overflow: 'close' });
  for (const message of [1, 2, 3, 4]) stream.push(message);
  t.same(calls, ['overflow', 'close']);
  t.ok(stream.closed);
  t.same([await stream.next(), await stream.next()], [value(1), value(2)]);
  await t.rejects(stream.next(), OverflowError);
  t.same(await stream.next(), done);
});

t.test('an overflow error says what happened', async (t) => {
  t.match(new OverflowError('t', 2), {
    code: 'overflow',
    topic: 't',
    message: 'more than 2 messages of topic "t" were waiting to be read',
  });
});

t.test('end settles who waits and discards what is buffered', async (t) => {
  const waiting = setUp();
  const next = [waiting.stream.next(), waiting.stream.next()];
  waiting.stream.end();
  waiting.stream.end();
  t.same(await Promise.all(next), [done, done]);
  t.same(waiting.calls, ['close']);

  const buffered = setUp();
  buffered.stream.push(1);
  buffered.stream.end();
  buffered.stream.push(2);
  t.same(await buffered.stream.next(), done);
});

t.test('leaving a loop ends the stream', async (t) => {
  const { stream, calls } = setUp();
  stream.push(1);
  for await (const message of stream) {
    t.equal(message, 1);
    break;
  }
  t.same(calls, ['close']);
  t.same(await stream.next(), done);
});

t.test('return after an overflow forgets the error', async (t) => {
  const { stream } = setUp({ overflow: 'close' });
  for (const message of [1, 2, 3]) stream.push(message);
  t.same(await stream.return(), done);
  t.same(await stream.next(), done);
});

t.test('options that make no sense are refused', async (t) => {
  for (const bufferSize of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.throws(() => setUp({ bufferSize }), /bufferSize must be a whole number above 0/);
  }
  t.throws(() => setUp({ overflow: 'drop' as 'close' }), /overflow must be drop_oldest or close/);
});
