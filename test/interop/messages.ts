/** Messages of every size and address between us and a live erl, in each form that frames can take. */
import { createHash, randomBytes } from 'node:crypto';
import t, { type Test } from 'tap';
import {
  Atom,
  atom,
  inspectTerm,
  isTuple,
  type Pid,
  type Process,
  Reference,
  type Term,
  tuple,
} from '../../lib/distribution/index.ts';
import {
  DFLAG_DIST_HDR_ATOM_CACHE,
  DFLAG_FRAGMENTS,
  OFFERED_FLAGS,
  PASS_THROUGH_FLAGS,
} from '../../lib/distribution/wire/flags.ts';
import { RemoteActor, receiveText, startCluster, type TestNode } from '../support/interop.ts';
import { erlangPeer } from '../support/peers.ts';

const MEGABYTE = 1024 * 1024;
const PING = atom('ping');

/** Both sides of one test: a process of ours and one of erl, which know each other. */
interface Pair {
  readonly ours: Process;
  readonly theirs: RemoteActor;
  readonly pid: Pid;
}

const forms = {
  'atom cache and fragments': OFFERED_FLAGS,
  'atom cache alone': PASS_THROUGH_FLAGS | DFLAG_DIST_HDR_ATOM_CACHE,
  'fragments alone': PASS_THROUGH_FLAGS | DFLAG_FRAGMENTS,
  'pass-through': PASS_THROUGH_FLAGS,
};

for (const [form, flags] of Object.entries(forms)) {
  t.test(`messages with ${form}`, { skip: erlangPeer.skip }, async (t) => {
    const cluster = await startCluster(t);
    const [node, erl] = await Promise.all([cluster.node('ours', { flags }), cluster.erl('erl')]);
    await node.connect(erl);
    let pairs = 0;
    const pair = async (): Promise<Pair> => {
      pairs += 1;
      const ours = node.actor(`ours${pairs}`);
      const theirs = await RemoteActor.start(erl, `theirs${pairs}`);
      return { ours, theirs, pid: await theirs.meet(ours) };
    };
    await sizes(t, await pair());
    await interleaved(t, node, await pair());
    await atoms(t, await pair());
    await addresses(t, node, await pair());
    await aliases(t, await pair());
    await traced(t, node, await pair());
    t.strictSame(node.history(erl), ['nodeup'], 'the connection has lasted');
    t.notMatch(erl.log, /error/i);
  });
}

async function sizes(t: Test, { ours, theirs, pid }: Pair): Promise<void> {
  for (const megabytes of [1, 10]) {
    await t.test(`a message of ${megabytes} MB`, async (t) => {
      const bytes = randomBytes(megabytes * MEGABYTE);
      const digest = createHash('md5').update(bytes).digest('hex');
      ours.send(pid, bytes);
      await theirs.eval(
        `B${megabytes} = (fun() -> receive Big when is_binary(Big) -> Big end end)(), ok`,
      );
      t.equal(
        await theirs.eval(`string:lowercase(binary:encode_hex(erlang:md5(B${megabytes})))`),
        `<<${[...Buffer.from(digest)].join(',')}>>`,
        'arrives',
      );
      await theirs.eval(`P ! {back, B${megabytes}}, ok`);
      const answer = await ours.receive({ timeoutMs: 10_000 });
      t.ok(
        isTuple(answer, 2, 'back') && bytes.equals(answer.elements[1] as Uint8Array),
        'comes back',
      );
    });
  }

  await t.test('large messages of many terms', async (t) => {
    const numbers = Array.from({ length: 200_000 }, (_, i) => i);
    ours.send(pid, numbers);
    t.equal(
      await theirs.eval('receive Many -> Many =:= lists:seq(0, 199999) after 5000 -> nothing end'),
      'true',
    );
    await theirs.eval('P ! lists:reverse(Many), ok');
    t.strictSame(await ours.receive({ timeoutMs: 10_000 }), numbers.reverse());
  });

  await t.test('sizes around that of a fragment', async (t) => {
    for (const size of [0, 1, 65_500, 65_535, 65_536, 65_537, 131_072, 131_073, 200_000]) {
      const bytes = randomBytes(size);
      ours.send(pid, tuple(ours.pid, bytes));
      await theirs.eval(
        '(fun() -> receive {To, Bytes} -> To ! {size(Bytes), Bytes} end end)(), ok',
      );
      const answer = await ours.receive({ timeoutMs: 5_000 });
      const [length, back] = isTuple(answer, 2) ? answer.elements : [];
      t.ok(length === size && bytes.equals(back as Uint8Array), `${size} bytes`);
    }
  });

  await t.test('exit reasons and down reasons may be large too', async (t) => {
    const reason = randomBytes(MEGABYTE);
    await theirs.eval('process_flag(trap_exit, true), monitor(process, P), link(P), P ! ping');
    await receiveText(ours);
    ours.stop(reason);
    t.equal(
      await theirs.eval(
        "(fun() -> receive {'EXIT', P, R} -> size(R) after 5000 -> nothing end end)()",
      ),
      `${MEGABYTE}`,
    );
    t.equal(
      await theirs.eval(
        "(fun() -> receive {'DOWN', _, _, P, R} -> size(R) after 5000 -> nothing end end)()",
      ),
      `${MEGABYTE}`,
    );
  });
}

async function interleaved(t: Test, node: TestNode, { ours, theirs, pid }: Pair): Promise<void> {
  const senders = 6;
  const rounds = 5;

  await t.test('several processes of erl send large and small messages at once', async (t) => {
    await theirs.eval(`[spawn(fun() ->
      [begin P ! {Sender, N, binary:copy(<<Sender>>, 300000)}, P ! {Sender, N, small} end
        || N <- lists:seq(1, ${rounds})] end) || Sender <- lists:seq(1, ${senders})], ok`);
    const seen = new Map<Term, string[]>();
    for (let i = 0; i < senders * rounds * 2; i += 1) {
      const message = await ours.receive({ timeoutMs: 10_000 });
      if (!isTuple(message, 3)) throw new Error(`unexpected: ${inspectTerm(message)}`);
      const [sender, n, content] = message.elements;
      const ok = content instanceof Uint8Array && content.every((byte) => byte === sender);
      seen.set(sender!, [...(seen.get(sender!) ?? []), `${n} ${ok ? 'large' : content}`]);
    }
    const expected = Array.from({ length: rounds }, (_, i) => [`${i + 1} large`, `${i + 1} small`]);
    t.equal(seen.size, senders);
    for (const order of seen.values()) t.strictSame(order, expected.flat());
  });

  await t.test('several processes of ours send large and small messages at once', async (t) => {
    const actors = Array.from({ length: senders }, () => node.actor());
    for (let n = 1; n <= rounds; n += 1) {
      for (const [sender, actor] of actors.entries()) {
        actor.send(pid, tuple(sender, n, new Uint8Array(300_000).fill(sender)));
        actor.send(pid, tuple(sender, n, atom('small')));
      }
    }
    const expected = `[{S, N, Kind} || S <- lists:seq(0, ${senders - 1}), N <- lists:seq(1, ${rounds}), Kind <- [large, small]]`;
    const collected = `[receive
        {S, N, small} -> {S, N, small};
        {S, N, Bytes} when Bytes =:= <<>>; is_binary(Bytes) ->
          {S, N, case binary:copy(<<S>>, 300000) of Bytes -> large; _ -> wrong end}
      after 5000 -> nothing end || S <- lists:seq(0, ${senders - 1}), _ <- lists:seq(1, ${rounds * 2})]`;
    t.equal(await theirs.eval(`(fun() -> ${collected} =:= ${expected} end)()`), 'true');
    for (const actor of actors) actor.stop();
  });
}

async function atoms(t: Test, { ours, theirs, pid }: Pair): Promise<void> {
  await t.test('400 distinct atoms in one message', async (t) => {
    const names = Array.from({ length: 400 }, (_, i) => atom(`an_atom_of_ours_${i}`));
    ours.send(pid, names);
    t.equal(
      await theirs.eval(`receive Ours -> Ours =:=
        [list_to_atom("an_atom_of_ours_" ++ integer_to_list(N)) || N <- lists:seq(0, 399)]
        after 5000 -> nothing end`),
      'true',
    );
    await theirs.eval(
      'P ! [list_to_atom("an_atom_of_erl_" ++ integer_to_list(N)) || N <- lists:seq(0, 399)], ok',
    );
    const answer = (await ours.receive({ timeoutMs: 5_000 })) as readonly Atom[];
    t.strictSame(
      answer.map((each) => each.name),
      Array.from({ length: 400 }, (_, i) => `an_atom_of_erl_${i}`),
    );
  });

  await t.test('more atoms than a cache holds, again and again', async (t) => {
    const count = 5_000;
    const perMessage = 100;
    const name = (i: number): string => `many_atoms_${i}`;
    for (let from = 0; from < count; from += perMessage) {
      ours.send(
        pid,
        tuple(
          PING,
          Array.from({ length: perMessage }, (_, i) => atom(name(from + i))),
        ),
      );
    }
    t.equal(
      await theirs.eval(`(fun() ->
        Got = [receive {ping, Some} -> Some after 5000 -> [nothing] end || _ <- lists:seq(1, ${count / perMessage})],
        [P ! {ping, Some} || Some <- Got],
        lists:append(Got) =:= [list_to_atom("many_atoms_" ++ integer_to_list(N)) || N <- lists:seq(0, ${count - 1})]
      end)()`),
      'true',
    );
    const back: string[] = [];
    for (let i = 0; i < count / perMessage; i += 1) {
      const message = await ours.receive({ timeoutMs: 5_000 });
      if (!isTuple(message, 2, 'ping')) throw new Error(`unexpected: ${inspectTerm(message)}`);
      back.push(...(message.elements[1] as readonly Atom[]).map((each) => each.name));
    }
    t.strictSame(
      back,
      Array.from({ length: count }, (_, i) => name(i)),
    );
  });

  await t.test('an atom of 255 emoji', async (t) => {
    const emoji = atom('🦆'.repeat(255));
    ours.send(pid, emoji);
    t.equal(
      await theirs.eval(
        `receive Emoji -> atom_to_list(Emoji) =:= lists:duplicate(255, 16#1F986) after 5000 -> nothing end`,
      ),
      'true',
    );
    await theirs.eval('P ! {Emoji, Emoji}, P ! Emoji');
    const message = await ours.receive({ timeoutMs: 5_000 });
    t.ok(
      isTuple(message, 2) &&
        message.elements.every((e) => e instanceof Atom && e.name === emoji.name),
    );
    t.equal(((await ours.receive({ timeoutMs: 5_000 })) as Atom).name, emoji.name);
  });

  await t.test('the empty atom and odd ones', async (t) => {
    const odd = ['', ' ', "it's", 'Ünï', '日本', '\n', 'node@host', 'Elixir.Some.Module', '\u0000'];
    ours.send(
      pid,
      odd.map((text) => atom(text)),
    );
    await theirs.eval('P ! receive Odd -> Odd end');
    const back = (await ours.receive({ timeoutMs: 5_000 })) as readonly Atom[];
    t.strictSame(
      back.map((each) => each.name),
      odd,
    );
  });
}

async function addresses(t: Test, node: TestNode, { ours, theirs }: Pair): Promise<void> {
  await t.test('messages to registered names', async (t) => {
    const at = { name: theirs.name, node: theirs.peer.name };
    for (let i = 0; i < 100; i += 1) ours.send(at, i);
    t.equal(
      await theirs.eval(`(fun() ->
        [receive N -> N after 5000 -> nothing end || _ <- lists:seq(0, 99)] =:= lists:seq(0, 99) end)()`),
      'true',
    );
    await theirs.eval(`[{${ours.registeredName}, '${node.name}'} ! N || N <- lists:seq(0, 99)]`);
    for (let i = 0; i < 100; i += 1) t.equal(await ours.receive({ timeoutMs: 5_000 }), i);
  });

  await t.test('messages to nobody are dropped', async (t) => {
    await theirs.eval(
      `{no_such_name, '${node.name}'} ! x, {'a name', '${node.name}'} ! x, P ! ping`,
    );
    t.equal(await receiveText(ours), 'ping');
    ours.send({ name: 'no_such_name', node: theirs.peer.name }, PING);
    ours.send({ name: theirs.name, node: theirs.peer.name }, PING);
    t.equal(await theirs.receive(), 'ping');
  });

  await t.test('a name is given to another process', async (t) => {
    const first = node.actor('changing');
    first.stop();
    const second = node.actor('changing');
    await theirs.eval(`{changing, '${node.name}'} ! hello`);
    t.equal(await receiveText(second), 'hello');
    second.stop();
  });
}

async function aliases(t: Test, { ours, theirs, pid }: Pair): Promise<void> {
  await t.test('we send to an alias of erl', async (t) => {
    await theirs.eval('Alias = alias(), P ! Alias');
    const alias = await ours.receive({ timeoutMs: 5_000 });
    if (!(alias instanceof Reference)) throw new Error(`unexpected: ${inspectTerm(alias)}`);
    ours.send(alias, atom('by_alias'));
    t.equal(await theirs.receive(), 'by_alias');
    await theirs.eval('unalias(Alias)');
    ours.send(alias, atom('too_late'));
    ours.send(pid, PING);
    t.equal(await theirs.receive(), 'ping');
  });

  await t.test('erl sends to an alias of ours', async (t) => {
    const alias = ours.alias();
    ours.send(pid, alias);
    await theirs.eval('OurAlias = receive R -> R end, OurAlias ! by_alias');
    t.equal(await receiveText(ours), 'by_alias');
    ours.unalias(alias);
    await theirs.eval('OurAlias ! too_late, P ! ping');
    t.equal(await receiveText(ours), 'ping');
  });

  await t.test('an alias for one reply takes one message', async (t) => {
    ours.send(pid, ours.alias({ mode: 'reply' }));
    await theirs.eval('Reply = receive R1 -> R1 end, Reply ! one, Reply ! two, P ! ping');
    t.strictSame([await receiveText(ours), await receiveText(ours)], ['one', 'ping']);
  });
}

/** With a trace token in the sender, every signal takes its other form. */
async function traced(t: Test, node: TestNode, { ours, theirs }: Pair): Promise<void> {
  await t.test('signals that carry a trace token', async (t) => {
    const name = `{${ours.registeredName}, '${node.name}'}`;
    const alias = ours.alias();
    ours.send({ name: theirs.name, node: theirs.peer.name }, alias);
    await theirs.eval('Traced = receive T -> T end');
    const target = node.actor(undefined, { trapExit: true });
    node.local.processes.register('traced_target', target.pid);
    await theirs.eval(`Target = rpc:call('${node.name}', erlang, whereis, [traced_target])`);
    await theirs.eval(`
      seq_trace:set_token(label, {any, label}), seq_trace:set_token(send, true),
      P ! to_pid, ${name} ! to_name, Traced ! to_alias,
      exit(Target, traced_exit),
      Linked = spawn(fun() ->
        seq_trace:set_token(label, 17), link(Target), exit(traced_link_exit) end),
      _ = erpc:call('${node.name}', erlang, node, []),
      seq_trace:set_token([]), ok`);
    t.strictSame(
      [await receiveText(ours), await receiveText(ours), await receiveText(ours)],
      ['to_pid', 'to_name', 'to_alias'],
    );
    const exits = [await receiveText(target), await receiveText(target)].map(
      (text) => /,(\w+)\}$/.exec(text)?.[1],
    );
    t.strictSame(exits.sort(), ['traced_exit', 'traced_link_exit']);
    target.stop();
  });
}
