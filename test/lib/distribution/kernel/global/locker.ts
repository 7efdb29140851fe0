import { test } from 'tap';
import {
  type Candidate,
  Locker,
  lockIdOf,
  otpLockerPause,
  SESSION_LIMIT_MS,
} from '../../../../../lib/distribution/kernel/global/locker.ts';
import { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import { VirtualClock } from '../../../../support/global-mesh.ts';

const mine = new Pid('m@h', 3, 0, 1);

function candidate(node: string, myTag = 1): Candidate {
  return { node, version: 8, locker: new Pid(node, 3, 0, 1), myTag, peerTag: 7 };
}

/** A locker whose surroundings write down what it does; `refusing` nodes say false. */
function setUp(known: string[] = []) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const refusing = new Set<string>();
  const world = { known, localLocked: false, canSet: true, gate: Promise.resolve() };
  const host = {
    node: 'm@h',
    pid: mine,
    known: () => world.known,
    globalIsLocked: () => world.localLocked,
    canSetLock: () => world.canSet,
    setLock: async (_lock: unknown, nodes: readonly string[]) => {
      log.push(`set ${nodes.join(',')}`);
      await world.gate;
      return !nodes.some((node) => refusing.has(node));
    },
    delLock: async (_lock: unknown, nodes: readonly string[]) => {
      log.push(`del ${nodes.join(',')}`);
    },
    sendLockSet: (to: Candidate, granted: boolean) => void log.push(`${granted} to ${to.node}`),
    refuse: (locker: Pid) => void log.push(`refuse ${locker.node}`),
    lockIsSet: (node: string) => void log.push(`locked with ${node}`),
    giveUp: (node: string, myTag: unknown) => {
      log.push(`give ${node} up`);
      locker.cancel(node, myTag as number);
    },
    setTimer: (delayMs: number, callback: () => void) => clock.setTimer(delayMs, callback),
    random: () => 0,
    failed: (error: unknown) => void log.push(`failed ${error}`),
  };
  const locker: Locker = new Locker(host);
  const say = (node: string, granted: boolean, tag: number | undefined = 1): void =>
    locker.lockSet({ locker: new Pid(node, 3, 0, 1), granted, tag });
  const take = (): string[] => log.splice(0);
  return { clock, locker, refusing, world, say, take };
}

test('the lock id is the same on both sides', async (t) => {
  const other = new Pid('a@h', 3, 0, 1);
  t.same(lockIdOf(mine, other), lockIdOf(other, mine));
  t.same(lockIdOf(mine, other).requester, [other, mine], 'by node name when the numbers are equal');
});

test('pauses as OTP does', async (t) => {
  t.same([0, 1, 5, 20, 500].map(otpLockerPause), [200, 1100, 1500, 3000, 3000]);
});

test('active: takes the lock of both, waits for the peer, releases with the boss last', async (t) => {
  const { clock, locker, say, take } = setUp();
  locker.add(candidate('z@h'));
  await clock.run(199);
  t.same(take(), []);
  await clock.run(1);
  t.same(take(), ['set m@h', 'set z@h', 'set ', 'true to z@h']);
  t.equal(locker.state, 'waiting');
  say('z@h', true, 99);
  t.equal(locker.state, 'waiting', 'a stale tag does not count');
  say('z@h', true);
  t.same(take(), ['locked with z@h']);
  locker.finish('z@h', 1, () => take().push('unused'));
  await clock.run(1000);
  t.same(take(), ['del m@h', 'del z@h']);
  t.equal(locker.state, 'idle');
  t.equal(clock.pending, 0);
});

test('locks the boss first, then both nodes, then the rest of the partition', async (t) => {
  const { clock, locker, take } = setUp(['z@h', 'c@h']);
  locker.add(candidate('d@h'));
  await clock.run(5000);
  t.same(take(), ['set z@h', 'set m@h,d@h', 'set c@h', 'true to d@h']);
  locker.cancel('d@h', 1);
  await clock.run(0);
  t.same(take(), ['del m@h,d@h,c@h', 'del z@h']);
});

test('gives back what it has taken when a node refuses', async (t) => {
  for (const [refuser, expected] of [
    ['z@h', ['set z@h']],
    ['d@h', ['set z@h', 'set m@h,d@h', 'del z@h']],
    ['c@h', ['set z@h', 'set m@h,d@h', 'set c@h', 'del z@h,m@h,d@h']],
  ] as const) {
    const { clock, locker, refusing, take } = setUp(['z@h', 'c@h']);
    refusing.add(refuser);
    locker.add(candidate('d@h'));
    await clock.run(1300);
    t.same(take(), expected, `${refuser} refuses`);
    refusing.clear();
    await clock.run(1300);
    t.match(take(), ['set z@h', 'set m@h,d@h', 'set c@h', 'true to d@h']);
    locker.stop();
    t.equal(clock.pending, 0);
  }
});

test('asks nobody while its own node is locked by somebody else', async (t) => {
  const { clock, locker, world, take } = setUp(['z@h']);
  world.localLocked = true;
  locker.add(candidate('d@h'));
  await clock.run(5000);
  t.same(take(), []);
  world.localLocked = false;
  world.canSet = false;
  await clock.run(2000);
  t.same(take(), [], 'the boss is another node, and our own table would refuse');
});

test('passive: locks its own partition and answers', async (t) => {
  const { clock, locker, refusing, say, take } = setUp(['z@h']);
  locker.add(candidate('d@h'));
  say('d@h', true);
  await clock.run(0);
  t.same(take(), ['set z@h', 'set m@h', 'set ', 'true to d@h', 'locked with d@h']);
  locker.cancel('d@h', 1);
  await clock.run(0);
  take();
  refusing.add('z@h');
  locker.add(candidate('e@h'));
  say('e@h', true);
  await clock.run(0);
  t.same(take(), ['set z@h', 'false to e@h']);
  t.equal(locker.state, 'idle');
});

test('refuses who is no candidate, and ignores false and stale messages when idle', async (t) => {
  const { clock, locker, say, take } = setUp();
  say('x@h', true);
  say('x@h', false);
  t.same(take(), ['refuse x@h']);
  locker.add(candidate('d@h'));
  say('d@h', true, 99);
  say('d@h', false);
  t.equal(locker.state, 'idle');
  await clock.run(1000);
  t.same(take(), ['set m@h', 'set d@h', 'set ', 'true to d@h']);
});

test('goes back to idle when the peer could not lock its side', async (t) => {
  const { clock, locker, say, take } = setUp();
  locker.add(candidate('d@h'));
  await clock.run(200);
  take();
  say('d@h', false, undefined);
  await clock.run(0);
  t.same(take(), ['del d@h', 'del m@h']);
  t.equal(locker.state, 'idle');
  await clock.run(200);
  t.equal(locker.state, 'waiting', 'and tries again');
});

test('hears other peers only when it is done with the present one', async (t) => {
  const { clock, locker, say, take } = setUp();
  locker.add(candidate('d@h'));
  await clock.run(200);
  locker.add(candidate('e@h'));
  say('e@h', true);
  take();
  t.equal(locker.state, 'waiting');
  say('d@h', true);
  t.same(take(), ['locked with d@h']);
  locker.finish('d@h', 1, () => {});
  await clock.run(0);
  t.same(take(), [
    'del d@h',
    'del m@h',
    'set m@h',
    'set ',
    'set ',
    'true to e@h',
    'locked with e@h',
  ]);
});

test('a session that ends while the lock is being taken releases what comes in', async (t) => {
  for (const active of [true, false]) {
    const { clock, locker, world, say, take } = setUp();
    let open = (): void => {};
    world.gate = new Promise((resolve) => {
      open = resolve;
    });
    locker.add(candidate('d@h'));
    if (!active) say('d@h', true);
    await clock.run(active ? 200 : 0);
    t.equal(locker.state, 'locking');
    locker.cancel('d@h', 1);
    open();
    await clock.run(0);
    const log = take();
    t.equal(log.includes('true to d@h'), false);
    t.equal(log.includes('false to d@h'), !active, 'a waiting peer is told');
    t.equal(log.at(-1), active ? 'del m@h' : 'del m@h');
    t.equal(locker.state, 'idle');
    t.equal(clock.pending, 0);
  }
});

test('a cancel for another session of the same node changes nothing', async (t) => {
  const { clock, locker } = setUp();
  locker.add(candidate('d@h', 2));
  await clock.run(200);
  locker.cancel('d@h', 1);
  t.equal(locker.state, 'waiting');
  locker.cancel('d@h', 2);
  await clock.run(0);
  t.equal(locker.state, 'idle');
});

test('a candidate that has become known is no candidate any more', async (t) => {
  const { clock, locker, world, take } = setUp();
  locker.add(candidate('d@h'));
  world.known = ['d@h'];
  await clock.run(10_000);
  t.same(take(), []);
  t.equal(clock.pending, 0);
});

test('gives a peer up that falls silent, at whichever step', async (t) => {
  const waiting = setUp();
  waiting.locker.add(candidate('d@h'));
  await waiting.clock.run(200 + SESSION_LIMIT_MS - 1);
  t.equal(waiting.locker.state, 'waiting');
  waiting.take();
  await waiting.clock.run(1);
  t.same(waiting.take(), ['give d@h up', 'del d@h', 'del m@h']);
  t.equal(waiting.locker.state, 'idle');
  t.equal(waiting.clock.pending, 0);

  const holding = setUp();
  holding.locker.add(candidate('d@h'));
  holding.say('d@h', true);
  await holding.clock.run(0);
  t.equal(holding.locker.state, 'holding');
  holding.take();
  await holding.clock.run(SESSION_LIMIT_MS);
  t.same(holding.take(), ['give d@h up', 'del m@h']);
  t.equal(holding.clock.pending, 0);
});

test('each session has the whole time', async (t) => {
  const { clock, locker, say, take } = setUp();
  locker.add(candidate('d@h'));
  await clock.run(SESSION_LIMIT_MS - 1000);
  say('d@h', true);
  locker.finish('d@h', 1, () => {});
  await clock.run(0);
  locker.add(candidate('e@h', 2));
  await clock.run(2000);
  t.equal(locker.state, 'waiting');
  t.notOk(take().some((entry) => entry.startsWith('give')));
  locker.stop();
  t.equal(clock.pending, 0);
});
