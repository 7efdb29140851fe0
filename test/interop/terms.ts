/** Every kind of term crosses over to a live erl and back, in both directions, unchanged. */
import t, { type Test } from 'tap';
import {
  atom,
  BitString,
  binary,
  ErlangMap,
  ExternalFun,
  Float,
  ImproperList,
  inspectTerm,
  OpaqueFun,
  Pid,
  Port,
  type Process,
  Reference,
  type Term,
  Tuple,
  termEquals,
  tuple,
} from '../../lib/distribution/index.ts';
import { OFFERED_FLAGS, PASS_THROUGH_FLAGS } from '../../lib/distribution/wire/flags.ts';
import { RemoteActor, startCluster, type TestNode } from '../support/interop.ts';
import { erlangPeer, type Peer } from '../support/peers.ts';
import { randomTerm } from '../support/random-terms.ts';
import { seededRandom } from '../support/seeded-random.ts';

const ECHO = `
  register(echo, spawn(fun Loop() -> receive {From, Term} -> From ! {echoed, Term}, Loop() end end))`;

/** Hand-picked: every tag of the format, and the edges of each. */
const TERMS: Readonly<Record<string, readonly Term[]>> = {
  integers: [
    ...[0, 1, 255, 256, -1, -128, 65_535, 2 ** 31 - 1, -(2 ** 31), 2 ** 31, -(2 ** 31) - 1],
    ...[2 ** 32, 2 ** 53 - 1, -(2 ** 53 - 1), 2n ** 53n, -(2n ** 53n), 2n ** 59n, -(2n ** 59n)],
    ...[2n ** 63n, -(2n ** 63n), 2n ** 64n - 1n, 2n ** 64n, -(2n ** 64n), -576460752303423487n],
    ...[2n ** 2039n, 2n ** 2040n - 1n, 2n ** 2040n, -(2n ** 2048n), 2n ** 80_000n + 1n],
  ],
  floats: [
    ...[
      new Float(0),
      new Float(1),
      new Float(-1),
      new Float(1e300),
      new Float(1.7976931348623157e308),
      new Float(2 ** 53),
    ],
    ...[0.1, -1.5, 5e-324, 2.2250738585072014e-308, Math.PI],
  ],
  atoms: [
    ...['ok', '', 'true', 'nil', 'Elixir.Counter', 'a b', "it's", 'é', '日本', '🦆'.repeat(255)],
    ...['x'.repeat(255), '\u0000', '\n'],
  ].map((name) => atom(name)),
  tuples: [
    tuple(),
    tuple(tuple()),
    new Tuple(Array.from({ length: 255 }, (_, i) => i)),
    new Tuple(Array.from({ length: 256 }, (_, i) => i)),
    new Tuple(Array.from({ length: 70_000 }, () => atom('x'))),
  ],
  lists: [
    [],
    [[]],
    [1],
    [255, 256],
    [new Float(1), 1],
    Array.from({ length: 65_535 }, () => 97),
    Array.from({ length: 65_536 }, () => 97),
    Array.from({ length: 100_000 }, (_, i) => i),
    new ImproperList([1], 2),
    new ImproperList([atom('alias')], new Reference('a@b', 1, [1, 2, 3])),
    new ImproperList([97, 98, 99], atom('tail')),
    new ImproperList([tuple(1)], new ErlangMap([])),
  ],
  binaries: [
    new Uint8Array(0),
    binary('grüße 🦆'),
    Uint8Array.of(0, 255),
    new Uint8Array(70_000).fill(7),
    ...[1, 2, 3, 4, 5, 6, 7].map(
      (bits) => new BitString(Uint8Array.of(1, 0xff << (8 - bits)), bits),
    ),
  ],
  maps: [
    new ErlangMap([]),
    new ErlangMap([
      [1, atom('integer')],
      [new Float(1), atom('float')],
    ]),
    new ErlangMap(Array.from({ length: 32 }, (_, i) => [i, i] as const)),
    new ErlangMap(Array.from({ length: 33 }, (_, i) => [atom(`k${i}`), i] as const)),
    new ErlangMap(Array.from({ length: 2_000 }, (_, i) => [binary(`key ${i}`), [i]] as const)),
    new ErlangMap([[new ErlangMap([[tuple(), []]]), new ErlangMap([])]]),
    new ErlangMap([
      [atom('__struct__'), atom('Elixir.Range')],
      [atom('first'), 1],
    ]),
  ],
  identifiers: [
    new Pid('a@127.0.0.1', 0, 0, 1),
    new Pid('a@127.0.0.1', 2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1),
    new Reference('a@127.0.0.1', 7, [1]),
    new Reference('a@127.0.0.1', 7, [1, 2, 3]),
    new Reference('a@127.0.0.1', 2 ** 32 - 1, [2 ** 18 - 1, 2 ** 32 - 1, 2 ** 32 - 1, 1, 2]),
    new Port('a@127.0.0.1', 1n, 3),
    new Port('a@127.0.0.1', 2n ** 28n, 3),
    new Port('a@127.0.0.1', 2n ** 63n + 5n, 2 ** 32 - 1),
  ],
  funs: [
    new ExternalFun('lists', 'map', 2),
    new ExternalFun('Elixir.Some.Module', 'a function!', 255),
    new OpaqueFun({
      ...{ arity: 3, uniq: new Uint8Array(16).fill(9), index: 4, module: 'nowhere' },
      ...{ oldIndex: 4, oldUniq: 123_456_789, pid: new Pid('a@127.0.0.1', 5, 6, 7) },
      freeVariables: [atom('x'), [1, 2, 3], new ErlangMap([[1, 2]])],
    }),
  ],
  nested: [deep(900), [tuple(new ErlangMap([[[new ImproperList([tuple()], 1)], binary('x')]]))]],
};

function deep(depth: number): Term {
  let term: Term = atom('bottom');
  for (let i = 0; i < depth; i += 1) term = i % 2 === 0 ? [term] : tuple(term);
  return term;
}

async function echo(ours: Process, erl: Peer, term: Term): Promise<Term> {
  ours.send({ name: 'echo', node: erl.name }, tuple(ours.pid, term));
  const answer = await ours.receive({ timeoutMs: 10_000 });
  return (answer as Tuple).elements[1]!;
}

const forms = {
  'atom cache and fragments': OFFERED_FLAGS,
  'pass-through': PASS_THROUGH_FLAGS,
};

for (const [form, flags] of Object.entries(forms)) {
  t.test(`terms with ${form}`, { skip: erlangPeer.skip }, async (t) => {
    const cluster = await startCluster(t);
    const [node, erl] = await Promise.all([cluster.node('ours', { flags }), cluster.erl('erl')]);
    await node.connect(erl);
    await erl.eval(ECHO);
    await theirEcho(t, node, erl);
    await ourEcho(t, node, erl);
    t.strictSame(node.history(erl), ['nodeup'], 'the connection has lasted');
    t.notMatch(erl.log, /error/i);
  });
}

async function theirEcho(t: Test, node: TestNode, erl: Peer): Promise<void> {
  const ours = node.actor();
  for (const [kind, terms] of Object.entries(TERMS)) {
    await t.test(`erl echoes our ${kind}`, async (t) => {
      for (const term of terms) {
        const echoed = await echo(ours, erl, term);
        const text = inspectTerm(term, { maxLength: 60 });
        t.ok(termEquals(echoed, term), text);
        t.equal(echoed.constructor, term.constructor, `${text}: the same kind of value`);
      }
    });
  }

  await t.test('erl echoes random terms', async (t) => {
    const random = seededRandom(25);
    for (let i = 0; i < 300; i += 1) {
      const term = randomTerm(random, 4);
      const echoed = await echo(ours, erl, term);
      if (!termEquals(echoed, term)) t.equal(inspectTerm(echoed), inspectTerm(term), `term ${i}`);
    }
    t.pass('300 terms');
  });

  await t.test('negative zero keeps its sign', async (t) => {
    const echoed = await echo(ours, erl, new Float(-0));
    t.ok(echoed instanceof Float && Object.is(echoed.value, -0));
  });

  await t.test('our own pids and references come back as ours', async (t) => {
    const ref = ours.makeRef();
    const echoed = await echo(ours, erl, tuple(ours.pid, ref));
    t.ok(termEquals(echoed, tuple(ours.pid, ref)));
    ours.send((echoed as Tuple).elements[0] as Pid, atom('to_myself'));
    t.equal(inspectTerm(await ours.receive({ timeoutMs: 1_000 })), 'to_myself');
  });
  ours.stop();
}

/** Terms as erl makes them; `X` and `Y` are bound to values that only exist at run time. */
const THEIR_TERMS = [
  '0',
  '-1',
  '1 bsl 31',
  '-(1 bsl 31)',
  '(1 bsl 53) - 1',
  '1 bsl 53',
  '1 bsl 59',
  '-(1 bsl 63)',
  '1 bsl 64',
  '1 bsl 2040',
  '-(1 bsl 100000)',
  '1.0',
  '-1.0e308',
  '4.94e-324',
  '0.1',
  'X',
  "''",
  "'日本 é'",
  'list_to_atom(lists:duplicate(255, 16#1F986))',
  '{}',
  '[]',
  '"string"',
  'lists:duplicate(65535, $a)',
  'lists:duplicate(65536, $a)',
  'lists:seq(1, 300)',
  '[a | b]',
  '[1, 2 | #{}]',
  '[alias | make_ref()]',
  '<<>>',
  '<<"binary">>',
  '<<1:1>>',
  '<<5:3>>',
  '<<16#ABCD:15>>',
  'binary:part(<<"a part of a larger binary, more than 64 bytes long, which is shared, not copied">>, 3, 70)',
  '<<1:1, (binary:copy(<<255>>, 100))/binary>>',
  'binary:copy(<<1, 2, 3>>, 50000)',
  '#{}',
  '#{1 => integer, 1.0 => float}',
  '#{[] => {}, #{} => [], <<>> => <<"x">>}',
  'maps:from_list([{N, {N, [N]}} || N <- lists:seq(1, 1000)])',
  'self()',
  'whereis(init)',
  'erlang:make_ref()',
  'erlang:alias()',
  'monitor(process, init)',
  'hd(erlang:ports())',
  'lists:last(erlang:ports())',
  'P',
  'Y',
  'fun lists:map/2',
  'fun erlang:self/0',
  "fun 'Elixir.Foo':'bar baz'/3",
  'fun(A) -> {A, X, self()} end',
  'fun Recursive(0) -> 1; Recursive(N) -> N * Recursive(N - 1) end',
  'list_to_tuple(lists:seq(1, 300))',
  'lists:foldl(fun(_, T) -> {[T]} end, bottom, lists:seq(1, 450))',
  'erlang:timestamp()',
  'process_info(self())',
  'erlang:system_info(version)',
  'file:native_name_encoding()',
  'binary_to_term(<<131, 99, "1.50000000000000000000e+00", 0, 0, 0, 0, 0>>)',
  'binary_to_term(<<131, 103, 100, 3:16, "a@b", 1:32, 2:32, 1>>)',
  'binary_to_term(<<131, 101, 100, 3:16, "a@b", 1:32, 1>>)',
  'binary_to_term(<<131, 102, 100, 3:16, "a@b", 1:32, 1>>)',
  'binary_to_term(<<131, 100, 2:16, "ok">>)',
];

async function ourEcho(t: Test, node: TestNode, erl: Peer): Promise<void> {
  await t.test('we echo what erl sends, equal by =:=', async (t) => {
    const ours = node.local.processes.spawn(async (self) => {
      for (;;) {
        const [from, term] = ((await self.receive()) as Tuple).elements;
        if (!(from instanceof Pid)) continue;
        self.send(from, tuple(atom('echoed'), term!));
      }
    });
    const theirs = await RemoteActor.start(erl, 'echoer');
    const greeter = node.actor();
    await theirs.meet(greeter);
    greeter.send({ name: 'echoer', node: erl.name }, tuple(ours.pid, greeter.makeRef()));
    await theirs.eval('{Ours, Y} = receive {_, _} = Both -> Both end, X = math:pi() * 3, ok');
    await theirs.eval(`Echo = fun(Term) ->
      Ours ! {self(), Term}, receive {echoed, Back} -> Back after 5000 -> exit(no_echo) end end, ok`);
    for (const term of THEIR_TERMS) {
      const same = `(fun() -> Term = ${term}, Echo(Term) =:= Term end)()`;
      t.equal(await theirs.eval(same), 'true', term);
    }

    await t.test('funs still run', async (t) => {
      const run = (fun: string, call: string): Promise<string> =>
        theirs.eval(`(fun() -> F = Echo(${fun}), ${call} end)()`);
      t.equal(await run('fun(A) -> A + length([X]) end', 'F(41)'), '42');
      t.equal(await run('fun lists:reverse/1', 'F([1, 2])'), '[2,1]');
      t.equal(
        await run('fun Fac(0) -> 1; Fac(N) -> N * Fac(N - 1) end', 'F(20)'),
        '2432902008176640000',
      );
      t.equal(await run('[fun(A, B) -> [A, B, Y =:= Y] end]', '(hd(F))(1, 2)'), '[1,2,true]');
    });

    await t.test('negative zero keeps its sign', async (t) => {
      t.equal(
        await theirs.eval('(fun() -> B = Echo(-0.0), <<B/float>> =:= <<1:1, 0:63>> end)()'),
        'true',
      );
    });

    await t.test('random terms', async (t) => {
      const random = seededRandom(26);
      const terms = Array.from({ length: 200 }, () => randomTerm(random, 4));
      greeter.send({ name: 'echoer', node: erl.name }, terms);
      await theirs.eval('Random = receive List when is_list(List) -> List end, ok');
      t.equal(await theirs.eval('Echo(Random) =:= Random'), 'true');
      t.equal(await theirs.eval('[Term || Term <- Random, Echo(Term) =/= Term]'), '[]');
    });
    greeter.stop();
    ours.stop();
  });
}
