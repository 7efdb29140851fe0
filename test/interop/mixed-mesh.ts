/**
 * A mesh of BEAM nodes and nodes of ours in which any node, or any two, go and come back: by SIGKILL,
 * by `init:stop()`, by a stop of ours. Whoever comes back joins by one node that it picks; then all
 * see all others again, a new name is known everywhere, and no lock is held.
 */
import t from 'tap';
import { atom } from '../../lib/distribution/index.ts';
import { startCluster, type TestNode } from '../support/interop.ts';
import { erlangPeer, type Peer, until } from '../support/peers.ts';
import { pick } from '../support/random-terms.ts';
import { seededRandom } from '../support/seeded-random.ts';

const ROUNDS = 10;
/** In Erlang's order of names both kinds alternate. */
const BEAMS = ['b1', 'k2', 'z3'];
const OURS = ['a1', 'm2', 'y3'];

t.test(
  'a mixed mesh is complete again after any node has gone and come back',
  { skip: erlangPeer.skip },
  async (t) => {
    const cluster = await startCluster(t);
    const random = seededRandom(8);
    const beams = new Map<string, Peer>();
    const ours = new Map<string, TestNode>();
    const names = (): string[] =>
      [...beams.values(), ...ours.values()].map(({ name }) => name).sort();

    const atoms = (): string => `[${names().map((name) => `'${name}'`)}]`;

    const start = async (name: string): Promise<void> => {
      if (BEAMS.includes(name)) beams.set(name, await cluster.erl(name));
      else ours.set(name, await cluster.node(name));
    };
    const end = async (name: string): Promise<void> => {
      const beam = beams.get(name);
      const node = ours.get(name);
      beams.delete(name);
      ours.delete(name);
      await (random.below(2) === 0 ? beam?.kill() : beam?.stop());
      await node?.stop();
    };
    /** Joins by a node that has stayed: two newcomers that pick each other would be a mesh of their own. */
    const join = async (name: string, leaving: readonly string[]): Promise<void> => {
      const stayed = names().filter((one) => !leaving.includes(one.split('@')[0]!));
      const other = pick(random, stayed);
      await beams.get(name)?.eval(`pong = net_adm:ping('${other}')`);
      await ours.get(name)?.local.connect(other);
    };

    const isComplete = ({ name, local, node }: TestNode): boolean =>
      [name, ...local.nodes()].sort().join() === names().join() &&
      local.nodes().every((peer) => node.global.synced(peer));
    const complete = async (): Promise<void> => {
      const expected = atoms();
      await Promise.all([
        ...[...beams.values()].map((beam) =>
          beam.evalUntil('lists:sort([node() | nodes()])', expected),
        ),
        ...[...ours.values()].map((node) =>
          until(() => isComplete(node), {
            what: () =>
              `${node.name} has and shares names with ${names()}; it has ${node.local.nodes()}`,
          }),
        ),
      ]);
    };

    const everywhere = async (name: string): Promise<void> => {
      const owner = pick(random, [...ours.values()]);
      t.equal(await owner.node.global.registerName(atom(name), owner.actor().pid), true);
      await Promise.all([
        ...[...beams.values()].map((beam) =>
          beam.evalUntil(`node(global:whereis_name(${name}))`, `'${owner.name}'`),
        ),
        ...[...ours.values()].map((node) =>
          until(() => node.node.global.whereisName(atom(name))?.node === owner.name),
        ),
      ]);
      await Promise.all(
        [...beams.values()].map((beam) => beam.evalUntil('ets:tab2list(global_locks)', '[]')),
      );
    };

    await Promise.all([...BEAMS, ...OURS].map(start));
    await beams.get('b1')!.eval(`[pong = net_adm:ping(N) || N <- ${atoms()}]`);
    await complete();
    for (let round = 0; round < ROUNDS; round += 1) {
      const leaving = [pick(random, [...BEAMS, ...OURS])];
      if (random.below(3) === 0) {
        leaving.push(
          pick(
            random,
            [...BEAMS, ...OURS].filter((name) => name !== leaving[0]),
          ),
        );
      }
      await Promise.all(leaving.map(end));
      // Half of the time they are back before anybody has had time to notice.
      if (random.below(2) === 0) await complete();
      await Promise.all(leaving.map(start));
      for (const name of leaving) await join(name, leaving);
      await complete();
      await everywhere(`name${round}`);
      t.pass(`round ${round}: ${leaving.join(' and ')} went and came back`);
    }
    for (const beam of beams.values()) t.notMatch(beam.log, /error/i);
  },
);
