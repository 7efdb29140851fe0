/** A large message holds up neither small ones nor ticks, whether erl or we send it. */
import { createHash, randomBytes } from 'node:crypto';
import t from 'tap';
import { GenServerClient } from '../../lib/distribution/gen-server/client.ts';
import { atom, isTuple, type Term, tuple } from '../../lib/distribution/index.ts';
import { RemoteActor, startCluster } from '../support/interop.ts';
import { erlangPeer } from '../support/peers.ts';

const erlang = { skip: erlangPeer.skip };
const MEGABYTE = 1024 * 1024;

t.test('calls are answered while erl sends large messages, which come whole', erlang, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([cluster.node('ours'), cluster.erl('erl')]);
  const ours = node.actor('inbox');
  const theirs = await RemoteActor.start(erl, 'theirs');
  await theirs.meet(ours);
  const [senders, each, bytes] = [4, 10, 2 * MEGABYTE];
  await theirs.eval(`[spawn(fun() ->
    [P ! {chunk, S, N, binary:copy(<<S, N>>, ${bytes / 2})} || N <- lists:seq(1, ${each})]
    end) || S <- lists:seq(1, ${senders})], ok`);
  const client = new GenServerClient({ processes: node.local.processes });
  const seen = new Map<number, number>();
  let [came, answers, meanwhile] = [0, 0, 0];
  const calls = (async () => {
    while (came < senders * each) {
      await client.call({ name: 'net_kernel', node: erl.name }, isAuth(node.name));
      answers += 1;
    }
  })();
  while (came < senders * each) {
    const message = await ours.receive({ timeoutMs: 10_000 });
    const [, sender, n, chunk] = isTuple(message, 4, 'chunk') ? message.elements : [];
    const [s, number] = [Number(sender), Number(n)];
    if (number !== (seen.get(s) ?? 0) + 1) t.fail(`${s} sent ${number} after ${seen.get(s)}`);
    if (!isPattern(chunk, s, number, bytes)) t.fail(`message ${number} of ${s} is another`);
    seen.set(s, number);
    came += 1;
    if (came < senders * each) meanwhile = answers;
  }
  await calls;
  t.ok(meanwhile > 0, `${meanwhile} calls were answered meanwhile`);
  t.strictSame(node.history(erl), ['nodeup']);
});

t.test('what we send to erl passes a large message of another process', erlang, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([cluster.node('ours'), cluster.erl('erl')]);
  const [large, small] = [node.actor(), node.actor()];
  const theirs = await RemoteActor.start(erl, 'theirs');
  const pid = await theirs.meet(large);
  const [first, second] = [randomBytes(48 * MEGABYTE), randomBytes(3 * MEGABYTE)];
  large.send(pid, tuple(atom('large'), [first, second, 1], first));
  large.send(pid, atom('behind'));
  small.send(pid, atom('small'));
  t.equal(await theirs.receive(), 'small');
  const digest = createHash('sha256').update(first).update(second).update(first).digest('hex');
  t.equal(
    await theirs.eval(`receive {large, [A, B, 1], C} ->
      crypto:hash(sha256, [A, B, C]) =:= binary:decode_hex(<<"${digest}">>) end`),
    'true',
  );
  t.equal(await theirs.receive(), 'behind');
  t.strictSame(node.history(erl), ['nodeup']);
});

t.test('the connection lasts while large messages go both ways', erlang, async (t) => {
  const cluster = await startCluster(t);
  const [node, erl] = await Promise.all([
    cluster.node('ours', { limits: { netTickTimeMs: 4_000 } }),
    cluster.erl('erl', { args: ['-kernel', 'net_ticktime', '4'] }),
  ]);
  const ours = node.actor('echo');
  const theirs = await RemoteActor.start(erl, 'theirs');
  const pid = await theirs.meet(ours);
  const payload = randomBytes(8 * MEGABYTE);
  // Longer than the tick time, of which there is no event.
  const until = performance.now() + 6_000;
  let rounds = 0;
  while (performance.now() < until) {
    const echoed = theirs.eval('receive M -> P ! M, byte_size(M) end');
    ours.send(pid, payload);
    const back = await ours.receive({ timeoutMs: 10_000 });
    if (!(back instanceof Uint8Array) || Buffer.compare(back, payload) !== 0) t.fail('another');
    t.equal(await echoed, String(payload.length));
    rounds += 1;
  }
  t.ok(rounds > 0, `${rounds} rounds`);
  t.equal(await theirs.eval('nodes()'), `['${node.name}']`);
  t.strictSame(node.history(erl), ['nodeup']);
});

function isAuth(node: string): Term {
  return tuple(atom('is_auth'), atom(node));
}

/** Whether it is a binary of so many bytes, first and second in turns. */
function isPattern(chunk: Term | undefined, first: number, second: number, bytes: number): boolean {
  if (!(chunk instanceof Uint8Array)) return false;
  return Buffer.alloc(bytes, Uint8Array.of(first, second)).equals(chunk);
}
