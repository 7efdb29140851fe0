import { getEventListeners } from 'node:events';
import t from 'tap';
import { AbortListeners } from '../../lib/abort-listeners.ts';

t.test(
  'however many wait, a signal has one listener, and all hear of the abort once',
  async (t) => {
    const controller = new AbortController();
    const { signal } = controller;
    const listeners = new AbortListeners();
    const heard: string[] = [];
    for (const name of 'abcdefghijkl') {
      listeners.add(signal, { onAbort: (reason) => heard.push(`${name} ${reason}`) });
    }
    t.equal(getEventListeners(signal, 'abort').length, 1);
    controller.abort('why');
    signal.dispatchEvent(new Event('abort'));
    t.same(
      heard,
      [...'abcdefghijkl'].map((name) => `${name} why`),
    );
    t.equal(getEventListeners(signal, 'abort').length, 0);
  },
);

t.test('the listener goes with the last one who waits, and comes with the next', async (t) => {
  const controller = new AbortController();
  const { signal } = controller;
  const listeners = new AbortListeners();
  const heard: string[] = [];
  const a = { onAbort: () => heard.push('a') };
  const b = { onAbort: () => heard.push('b') };
  const count = () => getEventListeners(signal, 'abort').length;
  const wait = listeners.add(signal, a);
  listeners.add(signal, b).end();
  t.equal(count(), 1);
  wait.end();
  wait.end();
  t.equal(count(), 0);
  listeners.add(signal, b);
  t.equal(count(), 1);
  controller.abort();
  t.same(heard, ['b']);
});

t.test('one that is removed while the others hear of the abort does not', async (t) => {
  const controller = new AbortController();
  const listeners = new AbortListeners();
  const heard: string[] = [];
  const b = { onAbort: () => heard.push('b') };
  const a = {
    onAbort: () => {
      heard.push('a');
      second.end();
    },
  };
  listeners.add(controller.signal, a);
  const second = listeners.add(controller.signal, b);
  controller.abort();
  t.same(heard, ['a']);
});

t.test('signals do not know of each other', async (t) => {
  const [one, other] = [new AbortController(), new AbortController()];
  const listeners = new AbortListeners();
  const heard: unknown[] = [];
  const listener = { onAbort: (reason: unknown) => heard.push(reason) };
  listeners.add(one.signal, listener);
  listeners.add(other.signal, listener);
  other.abort('other');
  t.same(heard, ['other']);
  one.abort('one');
  t.same(heard, ['other', 'one']);
});

t.test('one that fails keeps nobody from hearing, and is reported', async (t) => {
  const controller = new AbortController();
  const listeners = new AbortListeners();
  const heard: string[] = [];
  const failure = new Error('failed');
  const reported = new Promise((resolve) => {
    const capture = t.capture(process, 'nextTick', (task: () => void) => {
      capture.restore();
      try {
        task();
      } catch (error) {
        resolve(error);
      }
    });
    listeners.add(controller.signal, {
      onAbort: () => {
        throw failure;
      },
    });
    listeners.add(controller.signal, { onAbort: () => heard.push('b') });
    controller.abort();
  });
  t.equal(await reported, failure);
  t.same(heard, ['b']);
});

t.test('whoever leaves, the others stay in their order', async (t) => {
  const names = ['a', 'b', 'c', 'd'];
  for (const gone of names) {
    const controller = new AbortController();
    const listeners = new AbortListeners();
    const heard: string[] = [];
    const waits = names.map((name) =>
      listeners.add(controller.signal, { onAbort: () => heard.push(name) }),
    );
    waits[names.indexOf(gone)]?.end();
    listeners.add(controller.signal, { onAbort: () => heard.push('e') });
    controller.abort();
    t.same(
      heard,
      [...names, 'e'].filter((name) => name !== gone),
    );
  }
});
