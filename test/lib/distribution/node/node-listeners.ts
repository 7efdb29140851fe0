import { test } from 'tap';
import type { NodeEvent } from '../../../../lib/distribution/node/cluster-node.ts';
import { NodeListeners } from '../../../../lib/distribution/node/node-listeners.ts';

const up: NodeEvent = { type: 'nodeup', node: 'a@h', connectionId: 1, visible: true };
const down: NodeEvent = {
  ...{ type: 'nodedown', node: 'a@h', connectionId: 1, visible: true },
  reason: 'disconnect',
};

test('calls listeners in the order in which they were added', async (t) => {
  const listeners = new NodeListeners((error) => t.fail(String(error)));
  const calls: string[] = [];
  listeners.add((event) => calls.push(`first ${event.type}`));
  listeners.add((event) => calls.push(`second ${event.type}`));
  listeners.emit(up);
  listeners.emit(down);
  t.strictSame(calls, ['first nodeup', 'second nodeup', 'first nodedown', 'second nodedown']);
});

test('the same function added twice is two listeners, each removed on its own', async (t) => {
  const listeners = new NodeListeners(() => {});
  let calls = 0;
  const listener = (): void => {
    calls += 1;
  };
  const remove = listeners.add(listener);
  listeners.add(listener);
  remove();
  remove();
  listeners.emit(up);
  t.equal(calls, 1);
});

test('a listener that throws is reported, and the others are called all the same', async (t) => {
  const failures: unknown[] = [];
  const listeners = new NodeListeners((error) => failures.push(error));
  const error = new Error('listener');
  const calls: string[] = [];
  listeners.add(() => {
    throw error;
  });
  listeners.add((event) => calls.push(event.type));
  listeners.emit(up);
  t.strictSame(failures, [error]);
  t.strictSame(calls, ['nodeup']);
});

test('a listener that was removed by an earlier one hears nothing of the event', async (t) => {
  const listeners = new NodeListeners(() => {});
  let removeSecond = (): void => {};
  listeners.add(() => removeSecond());
  removeSecond = listeners.add(() => t.fail('was removed'));
  listeners.emit(up);
});

test('a listener that is added by another hears only of later events', async (t) => {
  const listeners = new NodeListeners(() => {});
  const heard: string[] = [];
  const remove = listeners.add(() => {
    remove();
    listeners.add((event) => heard.push(event.type));
  });
  listeners.emit(up);
  t.strictSame(heard, []);
  listeners.emit(down);
  t.strictSame(heard, ['nodedown']);
});

test('an event that a listener brings about reaches everyone after the current one', async (t) => {
  const listeners = new NodeListeners(() => {});
  const heard: string[] = [];
  listeners.add((event) => {
    heard.push(`first ${event.type}`);
    if (event.type === 'nodeup') listeners.emit(down);
  });
  listeners.add((event) => heard.push(`second ${event.type}`));
  listeners.emit(up);
  t.strictSame(
    heard,
    ['first nodeup', 'second nodeup', 'first nodedown', 'second nodedown'],
    'nobody sees the end of a connection before its beginning',
  );
});
