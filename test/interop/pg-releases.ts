/**
 * The `pg` scopes of releases that are not at hand, played by hand after captures of OTP 27 and 29. The
 * scope of OTP 29 announces a version and would speak another protocol with those that announce one too:
 * ours never does, so that what it says is understood by every release.
 */
import { test } from 'tap';
import { atom, PgScope, startNode } from '../../lib/distribution/index.ts';
import { inspectTerm } from '../../lib/distribution/terms/inspect.ts';
import { freePort } from '../support/free-ports.ts';
import { type Etf, elementsOf, ScriptedPeer, t as tuple } from '../support/scripted-peer.ts';
import { until } from '../support/until.ts';

const COOKIE = 'secret';
const NODE = 'm@127.0.0.1';
const SCOPE = 'Elixir.Phoenix.PubSub';

interface Release {
  readonly flags: bigint;
  /** what its scopes say to make themselves known */
  readonly discover: (scope: Etf) => Etf;
}

const RELEASES: Readonly<Record<string, Release>> = {
  'OTP 25': { flags: 0xd07df7fbdn, discover: (scope) => tuple('discover', scope) },
  'OTP 27': { flags: 0xd07df7fbdn, discover: (scope) => tuple('discover', scope) },
  'OTP 29': { flags: 0x6d07df7fbdn, discover: (scope) => tuple('discover', scope, 1) },
};

for (const [what, { flags, discover }] of Object.entries(RELEASES)) {
  test(`${what}: scopes meet, tell of their members, and end`, async (t) => {
    const node = await startNode({ name: NODE, cookie: COOKIE, epmdPort: await freePort() });
    t.teardown(() => node.stop());
    const scope = PgScope.start({ node: node.local, scope: SCOPE });
    const ours = node.local.processes.spawnServer({ onMessage: () => {} });
    scope.join(atom('ours'), ours.pid);
    const local = ({ id, serial, creation }: typeof ours.pid): Etf => ({
      pid: [NODE, id, serial, creation],
    });
    const [S, member] = [local(scope.process.pid), local(ours.pid)];

    const peer = await ScriptedPeer.dial(node.local.tcpPort, {
      name: 'z@127.0.0.1',
      cookie: COOKIE,
      flags,
    });
    t.teardown(() => peer.end());
    const members = (group: string): string =>
      scope
        .members(atom(group))
        .map((pid) => inspectTerm(pid))
        .join();
    const seen = (group: string, expected: string): Promise<void> =>
      until(() => members(group) === expected, { what: () => `${expected}; ${members(group)}` });

    // On nodeup either side makes itself known by the scope's name.
    const first = await peer.expect('our discover', ({ control }) => control[3] === SCOPE);
    t.strictSame(first, { control: [6, S, '', SCOPE], payload: tuple('discover', S) });
    const theirs = peer.pid(200, 1);
    peer.send([6, theirs, '', SCOPE], discover(theirs));
    const sync = tuple('$gen_cast', tuple('sync', S, [tuple('ours', [member])]));
    t.strictSame((await peer.payload(sync)).control, [22, S, theirs]);
    t.strictSame((await peer.payload(tuple('discover', S))).control, [22, S, theirs]);
    const monitor = await peer.expect(
      'a monitor of the scope',
      ({ control }) => control[0] === 19 && control[1] !== undefined && isPid(control[2]!, 200),
    );
    t.strictSame(monitor.control[1], S);

    // What it answers to our discover, once to the name and once to the pid.
    const [m1, m2] = [peer.pid(201), peer.pid(202, 4294967295)];
    const all = tuple('sync', theirs, [tuple('g', [m1, m1]), tuple('h', [m2])]);
    peer.send([22, theirs, S], tuple('$gen_cast', all));
    peer.send([22, theirs, S], tuple('$gen_cast', all));
    await seen('g', '<z@127.0.0.1.201.0>,<z@127.0.0.1.201.0>');
    await seen('h', '<z@127.0.0.1.202.4294967295>');
    peer.send([22, theirs, S], tuple('join', theirs, 'h', m1));
    peer.send([22, theirs, S], tuple('join', theirs, 'i', [m1, m2]));
    peer.send([22, theirs, S], tuple('leave', theirs, m1, ['g', 'h', 'i']));
    await seen('i', '<z@127.0.0.1.202.4294967295>');
    t.equal(members('g'), '<z@127.0.0.1.201.0>');
    t.equal(members('h'), '<z@127.0.0.1.202.4294967295>');

    // A member of theirs has ended; one of ours joins, ends.
    peer.send([22, theirs, S], tuple('leave', theirs, [m2], ['h', 'i']));
    await seen('h', '');
    scope.join(atom('g'), [ours.pid, ours.pid]);
    await peer.payload(tuple('join', S, 'g', [member, member]));
    ours.stop();
    await peer.payload(tuple('leave', S, member, ['ours', 'g', 'g']));

    // Its scope ends and another one starts.
    peer.send([28, theirs, S, monitor.control[3]!], 'killed');
    await seen('g', '');
    const next = peer.pid(210);
    peer.send([6, next, '', SCOPE], discover(next));
    t.strictSame((await peer.payload(tuple('$gen_cast', tuple('sync', S, [])))).control, [
      22,
      S,
      next,
    ]);
    await peer.payload(tuple('discover', S));
    peer.send([22, next, S], tuple('$gen_cast', tuple('sync', next, [tuple('g', [m1])])));
    await seen('g', '<z@127.0.0.1.201.0>');

    // Whatever else it says is ignored.
    const strange: Etf[] = [
      tuple('$gen_cast', tuple('local_data', next, 1, { map: [['g', [m2]]] })),
      tuple('update', next, [tuple('g', [m2], [])]),
      tuple('discover', next, 1, 2),
      tuple('join', next, 'g', S),
      tuple('sync', next, []),
      'nonsense',
    ];
    for (const message of strange) peer.send([22, next, S], message);
    peer.send([22, next, S], tuple('join', next, 'last', m1));
    await seen('last', '<z@127.0.0.1.201.0>');
    t.equal(members('g'), '<z@127.0.0.1.201.0>');

    // Nothing was ever sent to a scope but the shapes that OTP 25 knows.
    const shapes = peer.inbox
      .filter(({ control }) => control.some((each) => isPid(each, 200) || isPid(each, 210)))
      .filter(({ control }) => control[0] !== 19 && control[0] !== 20)
      .map(({ payload }) => elementsOf(payload));
    t.strictSame(shapes, [], 'all of it was expected');
    peer.end();
    await until(() => scope.whichGroups().length === 0, { what: 'its members to go with it' });
  });
}

function isPid(term: Etf, id: number): boolean {
  return typeof term === 'object' && 'pid' in term && term.pid[1] === id;
}
