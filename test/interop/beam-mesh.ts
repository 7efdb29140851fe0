/**
 * A mesh of three BEAM nodes that had no trouble stays complete while nodes of ours, each a process
 * of its own, join it, are killed, leave in good order and come back under the same name. No BEAM
 * node loses another one, logs an error, or keeps a lock or a name of a node that has gone.
 */
import t from 'tap';
import { startCluster } from '../support/interop.ts';
import { erlangPeer, type Peer, until } from '../support/peers.ts';
import { type Program, startProgram } from '../support/program.ts';

const ROUNDS = 10;
/** One name is smaller than those of the BEAM nodes, two are greater: it decides who gives way to whom. */
const OURS = ['ant', 'cat', 'owl'];

/**
 * When a node dies, a BEAM node that hears of it from another one first says that it cuts the dead
 * node off. So it is with a mesh of BEAM nodes alone; said of a node that lives it would be a fault.
 */
const CUT_OFF =
  /=WARNING REPORT=.*\n'global' at node '[^']*' requested disconnect from node\s+'(?:ant|cat|owl)@127\.0\.0\.1' in order to prevent overlapping partitions\n/g;

t.test('a BEAM mesh outlives what our nodes do', { skip: erlangPeer.skip }, async (t) => {
  const cluster = await startCluster(t, 'beam-mesh');
  const beams = await Promise.all(['beam1', 'beam2', 'beam3'].map((name) => cluster.erl(name)));
  const beamNames = beams.map(({ name }) => name);
  const programs = new Map<string, Program>();
  const everStarted: Program[] = [];
  t.teardown(() => Promise.all([...programs.values()].map((program) => program.kill('SIGKILL'))));

  const start = async (name: string): Promise<void> => {
    const env = {
      ...{ NODE_NAME: `${name}@127.0.0.1`, ERLANG_COOKIE: cluster.cookie },
      ERL_EPMD_PORT: String(cluster.epmdPort),
    };
    const program = await startProgram({ env });
    programs.set(name, program);
    everStarted.push(program);
  };
  const logs = (): string =>
    [...programs].map(([name, program]) => `${name} logged:\n${program.log()}`).join('\n');

  /** Waits until each node, BEAM or ours, has all others, and no others. */
  const complete = async (ours: readonly string[]): Promise<void> => {
    const all = [...beamNames, ...ours.map((name) => `${name}@127.0.0.1`)].sort();
    await Promise.all([
      ...beams.map((beam) =>
        beam.evalUntil('lists:sort([node() | nodes()])', list(all)).catch((error: unknown) => {
          throw new Error(`${error}\n${beam.log}\n${logs()}`);
        }),
      ),
      ...ours.map(async (name) => {
        const { url } = programs.get(name)!;
        await until(async () => (await nodesOf(url)).join() === all.join(), {
          what: () => `${name} sees all nodes\n${logs()}`,
        });
      }),
    ]);
  };

  await beams[0]!.eval(`[pong = net_adm:ping(N) || N <- ${list(beamNames)}]`);
  await Promise.all(beams.map((beam) => beam.eval('net_kernel:monitor_nodes(true)')));
  await complete([]);
  await beams[0]!.eval(
    'yes = global:register_name(beam_name, spawn(fun() -> receive stop -> ok end end))',
  );
  await Promise.all(OURS.map(start));
  await complete(OURS);

  for (let round = 0; round < ROUNDS; round += 1) {
    // Two at once, one each way, and another pair each time.
    const killed = OURS[round % OURS.length]!;
    const stopped = OURS[(round + 1) % OURS.length]!;
    const codes = await Promise.all([
      programs.get(killed)!.kill('SIGKILL'),
      programs.get(stopped)!.kill('SIGTERM'),
    ]);
    t.strictSame(codes, ['SIGKILL', 0], `round ${round}: ${killed} is killed, ${stopped} stops`);
    // Every other time they are back before anybody has had time to notice.
    if (round % 2 === 0) await complete(OURS.filter((name) => name !== killed && name !== stopped));
    await Promise.all([start(killed), start(stopped)]);
    await complete(OURS);
  }

  const codes = await Promise.all([...programs.values()].map((program) => program.kill('SIGTERM')));
  t.strictSame(codes, [0, 0, 0]);
  await complete([]);
  for (const beam of beams) await afterwards(beam);
  t.strictSame(everStarted.flatMap(cutOff), [], 'no node of ours was cut off while it lived');

  async function afterwards(beam: Peer): Promise<void> {
    const lost = await beam.eval(`[N || {nodedown, N} <- element(2, process_info(self(), messages)),
      lists:member(N, ${list(beamNames)})]`);
    t.equal(lost, '[]', `${beam.name} has never lost another BEAM node`);
    t.equal(await beam.eval('ets:tab2list(global_locks)'), '[]', 'no lock is left');
    t.equal(await beam.eval('global:registered_names()'), '[beam_name]', 'no name of ours is left');
    t.equal(
      await beam.eval(
        'global:set_lock({afterwards, self()}), global:del_lock({afterwards, self()})',
      ),
      'true',
      'global works',
    );
    const rest = beam.log.replaceAll(CUT_OFF, '');
    t.notMatch(rest, /error|warning|overlapping/i, `${beam.name} logged nothing of note`);
  }
});

/** The log lines of a node that lost a BEAM node before it was told to stop itself. */
function cutOff(program: Program): string[] {
  const [living] = program.log().split('"msg":"stopping"');
  return (living ?? '')
    .split('\n')
    .filter((line) => /"msg":"nodedown"/.test(line) && /"peer":"beam/.test(line));
}

async function nodesOf(url: string): Promise<string[]> {
  const response = await fetch(`${url}/nodes`);
  const { all_nodes } = (await response.json()) as { all_nodes: string[] };
  return all_nodes.sort();
}

/** Node names as an Erlang list of atoms, as `~tw` prints it. */
function list(names: readonly string[]): string {
  return `[${names.map((name) => `'${name}'`).join()}]`;
}
