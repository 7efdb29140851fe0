/**
 * We and a live erl dial each other at the same moment, again and again, with either name being the
 * greater one: each time exactly one connection comes up, stays, and carries what both had sent.
 */
import t, { type Test } from 'tap';
import { inspectTerm, isTuple, tuple } from '../../lib/distribution/index.ts';
import { attachLogger, createLogger } from '../../lib/telemetry/logger.ts';
import { startCluster, type TestNode } from '../support/interop.ts';
import { erlangPeer, type Peer, until } from '../support/peers.ts';
import { seededRandom } from '../support/seeded-random.ts';

const RACES = 40;

for (const [order, ourName] of [
  ['our name is the smaller', 'a'],
  ['our name is the greater', 'z'],
] as const) {
  t.test(`simultaneous connects, ${order}`, { skip: erlangPeer.skip }, async (t) => {
    const cluster = await startCluster(t);
    const [node, erl] = await Promise.all([cluster.node(ourName), cluster.erl('m')]);
    const warnings = recordWarnings(node);
    await t.test('by connecting', (t) => connectRaces(t, node, erl));
    await t.test('by sending', (t) => sendRaces(t, node, erl));
    t.notMatch(erl.log, /error/i);
    t.strictSame(warnings, [], 'races are no news');
  });
}

/** What an operator would find in the log, beside nodeup and nodedown. */
function recordWarnings(node: TestNode): string[] {
  const lines: string[] = [];
  const destination = { write: (line: string) => lines.push(line) };
  attachLogger(node.telemetry, createLogger({ level: 'warn', destination }));
  return lines;
}

/** Delays up to 3 ms on either side, so that every step of the one handshake meets every step of the other. */
function delays(seed: number): () => number {
  const random = seededRandom(seed);
  return () => random.below(30) / 10;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function separate(node: TestNode, erl: Peer, byErl: boolean): Promise<void> {
  if (byErl) await erl.eval(`erlang:disconnect_node('${node.name}')`);
  else node.local.disconnect(erl.name);
  await node.disconnected(erl);
  await erl.evalUntil('nodes()', '[]');
}

async function connectRaces(t: Test, node: TestNode, erl: Peer): Promise<void> {
  const delay = delays(1);
  await erl.eval('net_kernel:monitor_nodes(true)');
  for (let race = 0; race < RACES; race += 1) {
    const seen = node.nodeEvents.length;
    const [ourResult, theirResult] = await Promise.all([
      pause(delay()).then(() => node.local.dial(erl.name)),
      pause(delay()).then(() => erl.eval(`net_kernel:connect_node('${node.name}')`)),
    ]);
    const outcome = { race, ours: ourResult, theirs: theirResult, nodes: node.local.nodes() };
    t.strictSame(outcome, {
      ...{ race, ours: { connected: true }, theirs: 'true', nodes: [erl.name] },
    });
    t.equal(await erl.eval('nodes()'), `['${node.name}']`);
    // An answer over the connection shows that it is the one that both use.
    t.equal(await erl.eval(`net_adm:ping('${node.name}')`), 'pong');
    t.strictSame(
      node.nodeEvents.slice(seen).map(({ type }) => type),
      ['nodeup'],
    );
    await separate(node, erl, race % 2 === 0);
  }
  t.strictSame(
    await erl.eval('[element(1, M) || M <- element(2, process_info(self(), messages))]'),
    `[${Array.from({ length: RACES }, () => 'nodeup,nodedown').join()}]`,
    'erl has seen no other nodeup or nodedown either',
  );
}

async function sendRaces(t: Test, node: TestNode, erl: Peer): Promise<void> {
  const delay = delays(2);
  const messages = 10;
  const ours = node.actor('inbox');
  await erl.eval(
    `register(inbox, self()), Collect = fun(Race) ->
    [receive {Race, N} -> N after 5000 -> nothing end || _ <- lists:seq(1, ${messages})] end`,
    {
      as: 'inbox',
    },
  );
  const numbers = Array.from({ length: messages }, (_, i) => i);
  for (let race = 0; race < RACES; race += 1) {
    await Promise.all([
      pause(delay()).then(() => {
        for (const n of numbers) ours.send({ name: 'inbox', node: erl.name }, tuple(race, n));
      }),
      pause(delay()).then(() =>
        erl.eval(`[{inbox, '${node.name}'} ! {${race}, N} || N <- lists:seq(0, ${messages - 1})]`),
      ),
    ]);
    t.equal(await erl.eval(`Collect(${race})`, { as: 'inbox' }), `[${numbers}]`, `race ${race}`);
    const received: unknown[] = [];
    for (const _ of numbers) {
      const message = await ours.receive({ timeoutMs: 5_000 });
      received.push(isTuple(message, 2) ? message.elements[1] : inspectTerm(message));
    }
    t.strictSame(received, numbers);
    await until(() => node.local.nodes().length === 1);
    await separate(node, erl, race % 2 === 0);
  }
}
