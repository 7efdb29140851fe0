import { channel } from 'node:diagnostics_channel';
import t from 'tap';
import {
  Telemetry,
  type TelemetryMessage,
  telemetryChannelName,
} from '../../../lib/telemetry/telemetry.ts';

function record(telemetry: Telemetry, event: string | string[], id = 'recorder') {
  const seen: unknown[] = [];
  telemetry.attach(id, event, (name, measurements, metadata) => {
    seen.push([name, measurements, metadata]);
  });
  return seen;
}

t.test('execute hands event, measurements and metadata to a handler of that name', async (t) => {
  const telemetry = new Telemetry();
  const seen = record(telemetry, 'a.b');
  telemetry.execute('a.b', { n: 1 }, { who: 'x' });
  telemetry.execute('a.c', { n: 2 });
  telemetry.execute('a.b.c', { n: 3 });
  t.same(seen, [['a.b', { n: 1 }, { who: 'x' }]]);
});

t.test('a pattern selects everything below a prefix, or everything', async (t) => {
  const telemetry = new Telemetry();
  telemetry.execute('http.request.stop');
  const below = record(telemetry, ['http.*', 'vm.memory'], 'below');
  const all = record(telemetry, '*', 'all');
  for (const event of ['http.request.stop', 'httpx.y', 'http', 'vm.memory', 'vm.other']) {
    telemetry.execute(event);
  }
  t.same(below, [
    ['http.request.stop', {}, {}],
    ['vm.memory', {}, {}],
  ]);
  t.equal(all.length, 5);
});

t.test('a handler whose patterns overlap is told once', async (t) => {
  const telemetry = new Telemetry();
  const seen = record(telemetry, ['a.*', 'a.b', '*']);
  telemetry.execute('a.b');
  t.equal(seen.length, 1);
});

t.test('handlers run in the order of their attachment', async (t) => {
  const telemetry = new Telemetry();
  const order: number[] = [];
  telemetry.attach('second-name', '*', () => order.push(1));
  telemetry.attach('first-name', 'a.b', () => order.push(2));
  telemetry.execute('a.b');
  t.same(order, [1, 2]);
});

t.test('attach rejects an id in use and a malformed pattern', async (t) => {
  const telemetry = new Telemetry();
  telemetry.attach('x', 'a.b', () => {});
  t.throws(() => telemetry.attach('x', 'c.d', () => {}), /"x" is attached already/);
  for (const pattern of ['', 'a.', '.a', 'a*', '*.a', 'a.*.b', 'A b']) {
    t.throws(() => telemetry.attach('y', pattern, () => {}), TypeError, pattern);
  }
  t.notOk(telemetry.hasHandlers('c.d'));
});

t.test('detach ends the delivery, and detaching nothing is fine', async (t) => {
  const telemetry = new Telemetry();
  const seen = record(telemetry, 'a.b');
  t.ok(telemetry.hasHandlers('a.b'));
  telemetry.detach('recorder');
  telemetry.detach('recorder');
  telemetry.execute('a.b');
  t.same(seen, []);
  t.notOk(telemetry.hasHandlers('a.b'));
});

t.test('a handler may attach and detach while an event is delivered', async (t) => {
  const telemetry = new Telemetry();
  const order: string[] = [];
  telemetry.attach('once', 'a.b', () => {
    order.push('once');
    telemetry.detach('once');
    telemetry.attach('later', 'a.b', () => order.push('later'));
  });
  telemetry.attach('always', 'a.b', () => order.push('always'));
  telemetry.execute('a.b');
  telemetry.execute('a.b');
  t.same(order, ['once', 'always', 'always', 'later']);
});

t.test('a handler that throws is detached and reported; the others still run', async (t) => {
  const telemetry = new Telemetry();
  const failures = record(telemetry, 'telemetry.handler.failure', 'failures');
  const error = new Error('no');
  telemetry.attach('bad', 'a.b', () => {
    throw error;
  });
  const seen = record(telemetry, 'a.b');
  telemetry.execute('a.b');
  telemetry.execute('a.b');
  t.equal(seen.length, 2);
  t.same(failures, [['telemetry.handler.failure', {}, { handlerId: 'bad', event: 'a.b', error }]]);
});

t.test('a failing handler of the failure event does not recurse', async (t) => {
  const telemetry = new Telemetry();
  let calls = 0;
  telemetry.attach('bad', '*', () => {
    calls += 1;
    throw new Error('no');
  });
  telemetry.execute('a.b');
  telemetry.execute('telemetry.handler.failure');
  t.equal(calls, 1);
});

t.test('an async handler that rejects is detached and reported', async (t) => {
  const telemetry = new Telemetry();
  const failures = record(telemetry, 'telemetry.handler.failure', 'failures');
  telemetry.attach('bad', 'a.b', async () => {
    throw new Error('later');
  });
  telemetry.execute('a.b');
  telemetry.execute('a.b');
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(failures.length, 1);
  t.notOk(telemetry.hasHandlers('a.b'));
});

t.test('a late async failure does not detach the successor of the same id', async (t) => {
  const telemetry = new Telemetry();
  telemetry.attach('x', 'a.b', async () => {
    throw new Error('later');
  });
  telemetry.execute('a.b');
  telemetry.detach('x');
  telemetry.attach('x', 'a.b', () => {});
  await new Promise((resolve) => setImmediate(resolve));
  t.ok(telemetry.hasHandlers('a.b'));
});

t.test('events appear on the diagnostics channel of their name', async (t) => {
  const telemetry = new Telemetry();
  const name = 'channel_test.event';
  t.notOk(telemetry.hasHandlers(name));
  const seen: unknown[] = [];
  const subscriber = (message: unknown) => {
    seen.push(message as TelemetryMessage);
  };
  const source = channel(telemetryChannelName(name));
  t.equal(source.name, 'hello_distributed:channel_test.event');
  source.subscribe(subscriber);
  t.ok(telemetry.hasHandlers(name));
  telemetry.execute(name, { n: 1 }, { a: 'b' });
  source.unsubscribe(subscriber);
  telemetry.execute(name, { n: 2 });
  t.same(seen, [{ event: name, measurements: { n: 1 }, metadata: { a: 'b' } }]);
  t.notOk(telemetry.hasHandlers(name));
});

t.test('two instances do not hear each other', async (t) => {
  const [one, two] = [new Telemetry(), new Telemetry()];
  const seen = record(one, '*');
  two.execute('a.b');
  t.same(seen, []);
});

t.test('span', async (t) => {
  const clock = { ms: 10 };
  const make = () => {
    const telemetry = new Telemetry({ now: () => clock.ms, systemTime: () => 1e12 });
    return { telemetry, seen: record(telemetry, 'work.*') };
  };

  t.test('measures a synchronous function', async (t) => {
    const { telemetry, seen } = make();
    const result = telemetry.span('work', { id: 1 }, (annotate) => {
      clock.ms += 7;
      annotate({ outcome: 'fine' });
      return 'value';
    });
    t.equal(result, 'value');
    t.match(seen, [
      ['work.start', { systemTimeMs: 1e12 }, { id: 1 }],
      ['work.stop', { durationMs: 7 }, { id: 1, outcome: 'fine' }],
    ]);
  });

  t.test('reports what was thrown and throws it on', async (t) => {
    const { telemetry, seen } = make();
    const error = new Error('no');
    t.throws(
      () =>
        telemetry.span('work', {}, () => {
          throw error;
        }),
      error,
    );
    t.same(seen[1], ['work.exception', { durationMs: 0 }, { error }]);
  });

  t.test('ends with the settling of a promise', async (t) => {
    const { telemetry, seen } = make();
    const result = telemetry.span('work', {}, async () => {
      await null;
      clock.ms += 3;
      return 1;
    });
    t.equal(seen.length, 1);
    t.equal(await result, 1);
    t.same(seen[1], ['work.stop', { durationMs: 3 }, {}]);
  });

  t.test('reports a rejection without an unhandled one', async (t) => {
    const { telemetry, seen } = make();
    const error = new Error('no');
    await t.rejects(
      telemetry.span('work', {}, async () => {
        throw error;
      }),
      error,
    );
    t.same(seen[1], ['work.exception', { durationMs: 0 }, { error }]);
  });

  t.test('only calls the function when nobody listens', async (t) => {
    const telemetry = new Telemetry({
      now: () => {
        throw new Error('the clock was read');
      },
    });
    t.equal(
      telemetry.span('idle', {}, (annotate) => {
        annotate({ x: 1 });
        return 2;
      }),
      2,
    );
  });
});
