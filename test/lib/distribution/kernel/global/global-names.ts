import { test } from 'tap';
import type { GlobalNames } from '../../../../../lib/distribution/kernel/global/global-names.ts';
import { atom } from '../../../../../lib/distribution/terms/atom.ts';
import type { Pid } from '../../../../../lib/distribution/terms/pid.ts';
import { isTuple, type Term } from '../../../../../lib/distribution/terms/term.ts';
import { type Metadata, Telemetry } from '../../../../../lib/telemetry/telemetry.ts';
import { GlobalMesh, type MeshNode, tableOf } from '../../../../support/global-mesh.ts';

const NAME = atom('counter');
const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1);

/** Lets time pass until a promise settles. */
async function settled<T>(mesh: GlobalMesh, promise: Promise<T>): Promise<T> {
  let done = false;
  const watched = promise.finally(() => {
    done = true;
  });
  watched.catch(() => {});
  await mesh.clock.run(600_000, () => done);
  return watched;
}

function connectAll(mesh: GlobalMesh): void {
  const names = [...mesh.nodes.keys()];
  for (const a of names) for (const b of names) if (a < b) void mesh.connect(a, b);
}

async function withMesh(
  names: readonly string[],
  seed: number,
  body: (mesh: GlobalMesh) => Promise<void>,
): Promise<void> {
  const mesh = new GlobalMesh(names, { seed });
  try {
    await body(mesh);
  } finally {
    await mesh.stop();
  }
}

/** A description of all nodes, for a failing test. */
function describe(mesh: GlobalMesh): { nodes: object[] } {
  const nodes = mesh.running.map(({ name, global }) => ({
    name,
    known: global.knownNodes(),
    table: tableOf(global),
    locks: global.locks().map(({ requester, holders }) => `${requester} ${holders}`),
  }));
  return { nodes };
}

function owners(mesh: GlobalMesh, name: Term): (Pid | undefined)[] {
  return mesh.running.map(({ global }) => global.whereisName(name));
}

test('registers at once when no other node is known', async (t) => {
  await withMesh(['a@h'], 1, async (mesh) => {
    const { global, idle } = asParts(mesh.node('a@h'));
    const pid = idle();
    t.equal(await global.registerName(NAME, pid), true);
    t.equal(global.whereisName(NAME), pid);
    t.equal(await global.registerName(NAME, idle()), false, 'the name is taken');
    t.equal(await global.registerName(atom('other'), pid), false, 'one name a process');
    t.same(global.registeredNames(), [NAME]);
    await global.unregisterName(NAME);
    t.equal(global.whereisName(NAME), undefined);
    t.same(global.locks(), []);
    t.equal(mesh.clock.now(), 0, 'no timer was needed');
  });
});

function asParts(node: MeshNode): { global: GlobalNames; idle: () => Pid } {
  return { global: node.global, idle: () => node.idle() };
}

test('resolves on all nodes what is registered on any', async (t) => {
  for (const seed of SEEDS) {
    await withMesh(['a@h', 'b@h', 'c@h', 'd@x'], seed, async (mesh) => {
      const before = mesh.node('d@x').idle();
      await mesh.node('d@x').global.registerName(atom('before'), before);
      connectAll(mesh);
      t.ok(await mesh.settle(), `seed ${seed} settles`, describe(mesh));
      for (const node of mesh.running) {
        t.equal(await settled(mesh, node.global.registerName(atom(node.name), node.idle())), true);
      }
      t.ok(await mesh.settle(), `seed ${seed}`);
      for (const { global } of mesh.running) t.equal(global.registeredNames().length, 5);
      t.same(owners(mesh, atom('before')), [before, before, before, before]);
    });
  }
});

for (const smaller of ['a@h', 'b@h']) {
  test(`leaves one owner when both sides had the name, ${smaller} connecting`, async (t) => {
    for (const seed of SEEDS) {
      await withMesh(['a@h', 'b@h'], seed, async (mesh) => {
        const [a, b] = [mesh.node('a@h'), mesh.node('b@h')];
        const [pidA, pidB] = [a.idle(), b.idle()];
        await a.global.registerName(NAME, pidA);
        await b.global.registerName(NAME, pidB);
        void mesh.connect(smaller, smaller === 'a@h' ? 'b@h' : 'a@h');
        t.ok(await mesh.settle(), `seed ${seed}`);
        t.same(owners(mesh, NAME), [pidA, pidA]);
        t.equal(b.processes.isAlive(pidB), false, 'the process on the greater node is killed');
      });
    }
  });
}

test('a conflict is an event on both nodes, and a name that only one side had is none', async (t) => {
  const telemetry = new Telemetry();
  const told: Metadata[] = [];
  telemetry.attach('test', 'global.name.conflict', (_event, _measured, metadata) => {
    told.push(metadata);
  });
  const mesh = new GlobalMesh(['a@h', 'b@h'], { seed: 1, telemetry });
  t.teardown(() => mesh.stop());
  const [a, b] = [mesh.node('a@h'), mesh.node('b@h')];
  const [pidA, pidB] = [a.idle(), b.idle()];
  await a.global.registerName(NAME, pidA);
  await a.global.registerName(atom('of one side'), pidA);
  await b.global.registerName(NAME, pidB);
  void mesh.connect('a@h', 'b@h');
  t.ok(await mesh.settle());
  t.strictSame(
    told.sort((x, y) => (String(x.node) < String(y.node) ? -1 : 1)),
    [
      { node: 'a@h', name: NAME, pid: pidA },
      { node: 'b@h', name: NAME, pid: pidB },
    ],
  );
});

for (const method of ['random_notify_name', 'notify_all_name'] as const) {
  test(`tells the processes about a conflict: ${method}`, async (t) => {
    await withMesh(['a@h', 'b@h'], 7, async (mesh) => {
      const told: [string, Term][] = [];
      const pids = mesh.running.map(({ name, processes }) =>
        processes.spawnServer({ onMessage: (message) => void told.push([name, message]) }),
      );
      for (const [index, { global }] of mesh.running.entries()) {
        await global.registerName(NAME, pids[index]!.pid, method);
      }
      void mesh.connect('a@h', 'b@h');
      t.ok(await mesh.settle());
      await mesh.clock.run(1000);
      const both = method === 'notify_all_name';
      t.same(told.map(([name]) => name).sort(), both ? ['a@h', 'b@h'] : ['b@h']);
      t.ok(told.every(([, m]) => isTuple(m, both ? 3 : 2, 'global_name_conflict')));
      const winner = both ? undefined : pids[0]!.pid;
      t.same(owners(mesh, NAME), [winner, winner]);
    });
  });
}

test('settles a conflict over a process of a third node', async (t) => {
  for (const seed of SEEDS) {
    await withMesh(['a@h', 'd@h', 'z@h'], seed, async (mesh) => {
      const [d, z] = [mesh.node('d@h'), mesh.node('z@h')];
      const [pidD, pidZ] = [d.idle(), z.idle()];
      await z.global.registerName(NAME, pidZ);
      await d.global.registerName(NAME, pidD);
      await settled(mesh, mesh.connect('a@h', 'z@h'));
      await mesh.clock.run(5000);
      void mesh.connect('d@h', 'a@h');
      t.ok(await mesh.settle(), `seed ${seed}`);
      t.same(owners(mesh, NAME), [pidD, pidD, pidD]);
      t.equal(z.processes.isAlive(pidZ), false);
    });
  }
});

test('lets exactly one of five nodes register a name', async (t) => {
  for (const seed of SEEDS) {
    await withMesh(['a@h', 'b@h', 'c@h', 'd@h', 'e@h'], seed, async (mesh) => {
      connectAll(mesh);
      t.ok(await mesh.settle(), `seed ${seed} settles`, describe(mesh));
      const results = await settled(
        mesh,
        Promise.all(mesh.running.map((node) => node.global.registerName(NAME, node.idle()))),
      );
      t.equal(results.filter(Boolean).length, 1, `seed ${seed}`);
      t.ok(await mesh.settle());
      const winner = mesh.running[results.indexOf(true)];
      for (const pid of owners(mesh, NAME)) t.equal(pid?.node, winner?.name);
    });
  }
});

test('registrations during the first meeting of all nodes leave one owner', async (t) => {
  for (const seed of SEEDS) {
    await withMesh(['a@h', 'b@h', 'c@h', 'd@h', 'e@h'], seed, async (mesh) => {
      connectAll(mesh);
      const attempts = mesh.running.map(async (node, index) => {
        await new Promise<void>((resolve) => {
          mesh.clock.setTimer(index * 150, resolve);
        });
        return node.global.registerName(NAME, node.idle());
      });
      await settled(mesh, Promise.all(attempts));
      t.ok(await mesh.settle(), `seed ${seed} settles`, describe(mesh));
      const [owner] = owners(mesh, NAME);
      t.ok(owner, `seed ${seed}`);
      const alive = mesh.node(owner!.node).processes.isAlive(owner!);
      t.ok(alive, 'the owner is alive');
    });
  }
});

test('drops a name when its process ends', async (t) => {
  await withMesh(['a@h', 'b@h'], 3, async (mesh) => {
    void mesh.connect('a@h', 'b@h');
    await mesh.settle();
    const a = mesh.node('a@h');
    const pid = a.idle();
    await settled(mesh, a.global.registerName(NAME, pid));
    a.processes.get(pid)?.stop();
    t.equal(a.global.whereisName(NAME), undefined, 'at once where it lived');
    await mesh.clock.run(1000);
    t.same(owners(mesh, NAME), [undefined, undefined]);
  });
});

test('a node that was killed takes its names along and comes back as another', async (t) => {
  for (const seed of SEEDS) {
    await withMesh(['a@h', 'b@h', 'c@h'], seed, async (mesh) => {
      connectAll(mesh);
      await mesh.settle();
      const old = mesh.node('b@h').idle();
      await settled(mesh, mesh.node('b@h').global.registerName(NAME, old));
      await mesh.kill('b@h');
      if (seed % 2 === 0) await mesh.clock.run(seed * 10);
      const again = mesh.start('b@h');
      const fresh = again.idle();
      await again.global.registerName(atom('fresh'), fresh);
      void mesh.connect('b@h', 'a@h');
      t.ok(await mesh.settle(), `seed ${seed} settles`, describe(mesh));
      t.same(owners(mesh, NAME), [undefined, undefined, undefined], `seed ${seed}`);
      t.same(owners(mesh, atom('fresh')), [fresh, fresh, fresh]);
    });
  }
});

test('nodes that die while all of them synchronise leave no lock behind', async (t) => {
  for (const seed of SEEDS) {
    await withMesh(['a@h', 'b@h', 'c@h', 'd@h', 'e@h'], seed, async (mesh) => {
      for (const node of mesh.running) await node.global.registerName(atom(node.name), node.idle());
      connectAll(mesh);
      await mesh.clock.run(150 + seed * 20);
      await mesh.kill('e@h');
      await mesh.clock.run(seed * 13);
      await mesh.kill('c@h');
      t.ok(await mesh.settle(), `seed ${seed} settles`, describe(mesh));
      for (const { global } of mesh.running) t.equal(global.registeredNames().length, 3);
    });
  }
});

test('a connection that is lost and found again is synchronised anew', async (t) => {
  for (const seed of SEEDS) {
    await withMesh(['a@h', 'b@h', 'c@h'], seed, async (mesh) => {
      for (const node of mesh.running) await node.global.registerName(atom(node.name), node.idle());
      connectAll(mesh);
      await mesh.clock.run(seed * 30);
      mesh.disconnect('a@h', 'b@h');
      mesh.disconnect('a@h', 'c@h');
      await mesh.clock.run(seed * 5);
      void mesh.connect('b@h', 'a@h');
      void mesh.connect('a@h', 'c@h');
      t.ok(await mesh.settle(), `seed ${seed} settles`, describe(mesh));
      for (const { global } of mesh.running) t.equal(global.registeredNames().length, 3);
    });
  }
});

test('a node that is lost during a registration hears of the name only when it is met again', async (t) => {
  for (const seed of SEEDS) {
    await withMesh(['a@h', 'b@h', 'c@h'], seed, async (mesh) => {
      const [a, b] = [mesh.node('a@h'), mesh.node('b@h')];
      const [pidA, pidB] = [a.idle(), b.idle()];
      connectAll(mesh);
      await mesh.settle();
      t.equal(await settled(mesh, a.global.registerName(NAME, pidA)), true);
      await mesh.settle();
      // To b the name is free as soon as a is gone; c is gone when b has asked it for the lock.
      mesh.disconnect('b@h', 'a@h');
      const registering = b.global.registerName(NAME, pidB);
      await mesh.clock.run(seed);
      mesh.disconnect('b@h', 'c@h');
      t.equal(await settled(mesh, registering), true);
      t.equal(b.isConnected('c@h'), false, 'and is not dialled for it');
      void mesh.connect('b@h', 'c@h');
      void mesh.connect('b@h', 'a@h');
      t.ok(await mesh.settle(), `seed ${seed} settles`, describe(mesh));
      t.same(owners(mesh, NAME), [pidA, pidA, pidA]);
      t.equal(b.processes.isAlive(pidB), false, 'the process on the greater node is killed');
    });
  }
});

test('twenty nodes become one mesh and agree on one owner', async (t) => {
  const names = Array.from({ length: 20 }, (_, index) => `n${index}@h`);
  await withMesh(names, 5, async (mesh) => {
    for (const node of mesh.running) await node.global.registerName(NAME, node.idle());
    for (const name of names.slice(1)) void mesh.connect(name, names[0]!);
    t.ok(await mesh.settle(120_000), 'settles', describe(mesh));
    t.comment(`settled after ${Math.round(mesh.clock.now())} ms`);
    t.equal(new Set(owners(mesh, NAME)).size, 1);
  });
});

test('stopping rejects a registration that waits for other nodes, and every waiter', async (t) => {
  const mesh = new GlobalMesh(['a@h', 'b@h']);
  t.teardown(() => mesh.stop());
  void mesh.connect('a@h', 'b@h');
  await mesh.settle();
  const { global, idle } = asParts(mesh.node('a@h'));
  const registered = global.registerName(NAME, idle());
  const waiting = global.waitForName(atom('never'));
  const synced = global.whenSynced(['b@h'], 1000);
  await mesh.clock.run(1);
  global.stop();
  await t.rejects(registered, { code: 'distribution_off' });
  t.equal(await waiting, undefined);
  t.equal(await synced, true, 'it was before');
  t.same(global.knownNodes(), []);
});

test('waits for a name until somebody has it, time is up, or it is aborted', async (t) => {
  await withMesh(['a@h'], 1, async (mesh) => {
    const { global, idle } = asParts(mesh.node('a@h'));
    const abort = new AbortController();
    const events: string[] = [];
    const unsubscribe = global.onNameEvent(({ type, name }) => events.push(`${type} ${name}`));
    const found = global.waitForName(NAME);
    const late = global.waitForName(atom('late'), { timeoutMs: 100 });
    const aborted = global.waitForName(atom('aborted'), { signal: abort.signal });
    const pid = idle();
    await global.registerName(NAME, pid);
    t.equal(await found, pid);
    t.equal(await global.waitForName(NAME), pid, 'at once when it is there');
    abort.abort();
    t.equal(await aborted, undefined);
    await mesh.clock.run(100);
    t.equal(await late, undefined);
    const other = idle();
    t.equal(await global.reRegisterName(NAME, other), true);
    t.equal(global.whereisName(NAME), other);
    t.same(events, ['registered counter', 'unregistered counter', 'registered counter']);
    unsubscribe();
    t.equal(mesh.clock.pending, 0);
  });
});

test('a name is passed on only from whom it may be taken', async (t) => {
  await withMesh(['a@h', 'b@h'], 1, async (mesh) => {
    void mesh.connect('a@h', 'b@h');
    await mesh.settle();
    const { global, idle } = asParts(mesh.node('a@h'));
    const other = asParts(mesh.node('b@h'));
    const [first, second] = [idle(), idle()];
    const asked: unknown[] = [];
    const pass = (pid: Pid, answer: boolean) =>
      settled(
        mesh,
        global.passName(NAME, pid, (holder) => {
          asked.push(holder);
          return answer;
        }),
      );
    t.equal(await pass(first, true), true);
    t.equal(await pass(second, false), false);
    t.equal(other.global.whereisName(NAME)?.key, first.key, 'nobody was told otherwise');
    t.strictSame(asked, [undefined, first]);
  });
});

test('user locks are held by a process, on all nodes', async (t) => {
  await withMesh(['a@h', 'b@h'], 2, async (mesh) => {
    void mesh.connect('a@h', 'b@h');
    await mesh.settle();
    const holders = mesh.running.map(({ processes }) =>
      processes.spawnServer({ onMessage: () => {} }),
    );
    const [a, b] = mesh.running.map(({ global }) => global);
    const lock = (requester: string) => ({ resource: atom('mine'), requester: atom(requester) });
    t.equal(await settled(mesh, a!.setLock(lock('a'), { holder: holders[0]! })), true);
    t.equal(await settled(mesh, b!.setLock(lock('b'), { holder: holders[1]!, retries: 2 })), false);
    const inside = b!.trans(lock('b'), { holder: holders[1]! }, () => a!.locks().length);
    await mesh.clock.run(500);
    await settled(mesh, a!.delLock(lock('a'), { holder: holders[0]! }));
    t.equal(await settled(mesh, inside), 1, 'runs once the lock is free');
    t.equal(
      await settled(
        mesh,
        a!.trans(lock('a'), { holder: holders[0]! }, () => 'x'),
      ),
      'x',
    );
    await mesh.clock.run(1000);
    t.same([a!.locks(), b!.locks()], [[], []]);
  });
});

/** One random step in the life of a cluster, on a node that may or may not run. */
async function live(mesh: GlobalMesh, name: string, peer: string): Promise<void> {
  const dice = mesh.random();
  const node = mesh.nodes.get(name);
  const contended = atom(`x${Math.floor(mesh.random() * 3)}`);
  // A registration of a node that is killed meanwhile fails; that is what happens, and no news.
  const ignore = (): void => {};
  if (node === undefined) mesh.start(name);
  else if (dice < 0.4 && name !== peer) void mesh.connect(name, peer);
  else if (dice < 0.75) node.global.registerName(contended, node.idle()).catch(ignore);
  else if (dice < 0.85) node.global.unregisterName(contended).catch(ignore);
  else if (dice < 0.93) await mesh.kill(name);
  await mesh.clock.run(mesh.random() ** 2 * 600);
}

test('whatever happens, all nodes end up with the same names and no lock', async (t) => {
  for (let seed = 1; seed <= 100; seed += 1) {
    const names = Array.from({ length: 2 + (seed % 5) }, (_, index) => `n${index}@h`);
    const mesh = new GlobalMesh(names, { seed, maxDelayMs: [5, 20, 100, 300][seed % 4]! });
    const pick = (): string => names[Math.floor(mesh.random() * names.length)]!;
    for (let step = 0; step < 25; step += 1) await live(mesh, pick(), pick());
    for (const name of names) if (!mesh.nodes.has(name)) mesh.start(name);
    connectAll(mesh);
    t.ok(await mesh.settle(120_000), `seed ${seed} settles`, describe(mesh));
    for (const { global } of mesh.running) {
      for (const name of global.registeredNames()) {
        const pid = global.whereisName(name)!;
        t.ok(mesh.node(pid.node).processes.isAlive(pid), `seed ${seed}: every owner is alive`);
      }
    }
    await mesh.stop();
    await mesh.clock.run(1000);
    t.equal(mesh.clock.pending, 0, 'no timer is left');
  }
});
