import { test } from 'tap';
import {
  type GroupEvent,
  GroupMonitors,
} from '../../../../../lib/distribution/kernel/pg/group-monitors.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';

const P = new Pid('a@h', 1, 0, 1);
const [G, H] = [atom('g'), atom('h')];
const join = (group = G): GroupEvent => ({ type: 'join', group, members: [P] });
const leave = (group = G): GroupEvent => ({ type: 'leave', group, members: [P] });

const never = (error: unknown): void => {
  throw error;
};

test('tells of the group that is monitored, or of all', async (t) => {
  const monitors = new GroupMonitors(never);
  const [ofGroup, ofAll]: [GroupEvent[], GroupEvent[]] = [[], []];
  const stop = monitors.add(atom('g'), (event) => ofGroup.push(event));
  monitors.add(undefined, (event) => ofAll.push(event));
  monitors.emit(join(G));
  monitors.emit(join(H));
  stop();
  monitors.emit(leave(G));
  t.same(ofGroup, [join(G)]);
  t.same(ofAll, [join(G), join(H), leave(G)]);
  monitors.clear();
  monitors.emit(leave(H));
  t.equal(ofAll.length, 3);
});

test('an event without members is none', async (t) => {
  const monitors = new GroupMonitors(never);
  monitors.add(undefined, () => t.fail('it was told'));
  monitors.emit({ ...join(), members: [] });
});

test('everybody hears events in the order in which they happened', async (t) => {
  const monitors = new GroupMonitors(never);
  const heard: string[] = [];
  monitors.add(G, ({ type }) => {
    heard.push(`first ${type}`);
    if (type === 'join') monitors.emit(leave());
  });
  monitors.add(G, ({ type }) => heard.push(`second ${type}`));
  monitors.emit(join());
  t.same(heard, ['first join', 'second join', 'first leave', 'second leave']);
});

test('a monitor hears of nothing that happened before it was made', async (t) => {
  const monitors = new GroupMonitors(never);
  const heard: string[] = [];
  let made = false;
  monitors.add(G, ({ type }) => {
    if (made) return;
    made = true;
    monitors.emit(leave());
    // Both events have happened, and the second is still to be told.
    monitors.add(G, (event) => heard.push(event.type));
    heard.push(`made during ${type}`);
  });
  monitors.emit(join());
  t.same(heard, ['made during join']);
  monitors.emit(join());
  t.same(heard, ['made during join', 'join']);
});

test('one that is ended by another hears nothing more', async (t) => {
  const monitors = new GroupMonitors(never);
  let stopSecond = (): void => {};
  monitors.add(G, () => stopSecond());
  stopSecond = monitors.add(G, () => t.fail('it was told'));
  monitors.emit(join());
});

test('a listener that fails is reported, and keeps nobody from hearing', async (t) => {
  const failures: unknown[] = [];
  const monitors = new GroupMonitors((error) => failures.push(error));
  const heard: GroupEvent[] = [];
  const error = new Error('no');
  monitors.add(G, () => {
    throw error;
  });
  monitors.add(G, (event) => heard.push(event));
  monitors.emit(join());
  monitors.emit(leave());
  t.same(heard, [join(), leave()]);
  t.same(failures, [error, error]);
});
