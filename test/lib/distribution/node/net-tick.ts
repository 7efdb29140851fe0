import { test } from 'tap';
import {
  INITIAL_TICK_STATE,
  look,
  TICK_INTENSITY,
  type TickState,
} from '../../../../lib/distribution/node/net-tick.ts';

test('ticks when nothing was written since the last look and nothing is queued', async (t) => {
  const first = look(INITIAL_TICK_STATE, { bytesReceived: 10, bytesWritten: 10, bytesQueued: 0 });
  t.equal(first.action, 'none', 'bytes were written since the start');
  const idle = look(first.state, { bytesReceived: 20, bytesWritten: 10, bytesQueued: 0 });
  t.equal(idle.action, 'tick');
  const queued = look(first.state, { bytesReceived: 20, bytesWritten: 10, bytesQueued: 5 });
  t.equal(queued.action, 'none', 'a queue that does not drain is no reason to add to it');
});

test('gives the peer up after four looks without a byte from it, not before', async (t) => {
  let state: TickState = INITIAL_TICK_STATE;
  const actions: string[] = [];
  for (let i = 0; i < TICK_INTENSITY; i += 1) {
    const result = look(state, { bytesReceived: 0, bytesWritten: 0, bytesQueued: 0 });
    state = result.state;
    actions.push(result.action);
  }
  t.strictSame(actions, ['tick', 'tick', 'tick', 'timeout']);
});

test('one byte within the time starts the count anew', async (t) => {
  let state: TickState = INITIAL_TICK_STATE;
  for (let i = 0; i < 20; i += 1) {
    const result = look(state, {
      bytesReceived: Math.floor(i / 3),
      bytesWritten: 0,
      bytesQueued: 0,
    });
    state = result.state;
    t.not(result.action, 'timeout');
  }
});
