import type { Socket } from 'node:net';
import { test } from 'tap';
import { ConnectionError, type DistributionError } from '../../../../lib/distribution/errors.ts';
import {
  Attempt,
  type AttemptOwner,
  type Established,
} from '../../../../lib/distribution/node/attempt.ts';
import type { InboundDecision } from '../../../../lib/distribution/node/connection-table.ts';
import type { Dial } from '../../../../lib/distribution/node/dial.ts';
import type { NodeIdentity } from '../../../../lib/distribution/node/identity.ts';
import { PASS_THROUGH_FLAGS } from '../../../../lib/distribution/wire/flags.ts';
import {
  encodeSendName,
  encodeStatus,
} from '../../../../lib/distribution/wire/handshake/messages.ts';
import { rawSelf } from '../../../support/node-connections.ts';
import { RawPeer, socketPair } from '../../../support/sockets.ts';
import { until } from '../../../support/until.ts';

const M = 'm@h';
const A = 'a@h';

const identity: NodeIdentity = {
  ...{ name: M, creation: 5, flags: PASS_THROUGH_FLAGS },
  cookieFor: (peer) => (peer === 'other@h' ? 'other' : 'oreo'),
};

/** An owner that keeps what it is told and answers what the test says. */
class FakeOwner implements AttemptOwner {
  decision: InboundDecision = 'ok';
  alive = true;
  counts = true;
  readonly log: string[] = [];
  readonly connections: Established[] = [];
  readonly errors: DistributionError[] = [];

  decideInbound(peer: string): InboundDecision {
    this.log.push(`decide ${peer}`);
    return this.decision;
  }
  cookieFor(peer: string): string {
    return identity.cookieFor(peer);
  }
  answerAlive(peer: string): boolean {
    this.log.push(`alive ${peer}`);
    return this.alive;
  }
  verified(peer: string): boolean {
    this.log.push(`verified ${peer}`);
    return this.counts;
  }
  established(_attempt: Attempt, established: Established): void {
    this.log.push(`established ${established.name}`);
    this.connections.push(established);
  }
  failed(_attempt: Attempt, error: DistributionError): void {
    this.log.push(`failed ${error.code}`);
    this.errors.push(error);
  }
}

interface Teardown {
  teardown(fn: () => unknown): void;
}

async function inbound(
  t: Teardown,
  setupTimeMs = 5000,
): Promise<{ owner: FakeOwner; attempt: Attempt; peer: RawPeer; near: Socket }> {
  const { near, far } = await socketPair();
  t.teardown(() => [near.destroy(), far.destroy()]);
  const owner = new FakeOwner();
  const attempt = Attempt.inbound(identity, owner, near, { setupTimeMs });
  attempt.begin();
  return { owner, attempt, peer: new RawPeer(far), near };
}

async function outbound(
  t: Teardown,
  setupTimeMs = 5000,
): Promise<{ owner: FakeOwner; attempt: Attempt; peer: RawPeer; near: Socket }> {
  const { near, far } = await socketPair();
  t.teardown(() => [near.destroy(), far.destroy()]);
  const owner = new FakeOwner();
  const attempt = Attempt.outbound(identity, owner, A, async () => near, { setupTimeMs });
  attempt.begin();
  return { owner, attempt, peer: new RawPeer(far), near };
}

const timers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

test('an inbound attempt asks the owner in order, and hands socket and peer over', async (t) => {
  const { owner, attempt, peer, near } = await inbound(t);
  t.equal(attempt.direction, 'in');
  t.equal(attempt.peer, undefined);
  t.equal(attempt.remoteAddress, '127.0.0.1');
  const us = await peer.initiate(rawSelf(A), M);
  t.match(us, { name: M, creation: 5 });
  await until(() => owner.connections.length === 1, { what: 'the end' });
  t.strictSame(owner.log, ['decide a@h', 'verified a@h', 'established a@h']);
  t.match(owner.connections[0], { name: A, creation: 9, flags: PASS_THROUGH_FLAGS });
  t.equal(owner.connections[0]?.socket, near);
  t.equal(attempt.peer, A);
  t.strictSame([near.listenerCount('data'), near.listenerCount('close')], [0, 0]);
});

test('an outbound attempt hands over what follows the ack in its segment', async (t) => {
  const { owner, peer } = await outbound(t);
  await peer.accept(rawSelf(A), { glued: Buffer.from([0, 0, 0, 1, 42]) });
  await until(() => owner.connections.length === 1, { what: 'the end' });
  const { parser } = owner.connections[0]!;
  parser.usePrefix(4, 100);
  t.strictSame([...parser.next()!], [42]);
});

test('the owner’s decision decides what the peer is told', async (t) => {
  for (const [decision, first, code] of [
    ['nok', 'snok', 'nok'],
    ['refuse', undefined, 'already_connected'],
    ['ok_simultaneous', 'sok_simultaneous', undefined],
    ['alive', 'salive', undefined],
  ] as const) {
    const { owner, peer, attempt } = await inbound(t);
    owner.decision = decision;
    peer.write(encodeSendName(rawSelf(A)));
    if (first === undefined) await peer.closed();
    else t.equal(await peer.readText(), first);
    if (code !== undefined) {
      t.strictSame(owner.log, ['decide a@h', `failed ${code}`]);
      await peer.closed();
    }
    attempt.abandon();
  }
});

test('each peer has its own cookie', async (t) => {
  const right = await inbound(t);
  await right.peer.initiate(rawSelf('other@h', 'other'), M);
  const wrong = await inbound(t);
  await t.rejects(wrong.peer.initiate(rawSelf('other@h', 'oreo'), M));
  t.strictSame(wrong.owner.log, ['decide other@h', 'failed bad_cookie']);
});

test('an attempt that was overtaken while it proved itself is closed without an ack', async (t) => {
  const { owner, peer } = await inbound(t);
  owner.counts = false;
  await t.rejects(peer.initiate(rawSelf(A), M), { message: 'closed' });
  t.strictSame(owner.log, ['decide a@h', 'verified a@h', 'failed closed']);
});

test('the answer to alive is the owner’s', async (t) => {
  for (const alive of [true, false]) {
    const { owner, peer, attempt } = await outbound(t);
    owner.alive = alive;
    await peer.read();
    peer.write(encodeStatus('alive'));
    t.equal(await peer.readText(), `s${alive}`);
    if (!alive) await peer.closed();
    t.strictSame(owner.log, ['alive a@h', ...(alive ? [] : ['failed already_connected'])]);
    attempt.abandon();
  }
});

test('every step has its deadline, whatever part of a message has come', async (t) => {
  const name = encodeSendName(rawSelf(A));
  const steps: ((peer: RawPeer) => unknown)[] = [
    () => {},
    (peer) => void peer.socket.write(Buffer.from([0])),
    (peer) => void peer.socket.write(Buffer.from([0, name.length, name[0]!])),
    async (peer) => {
      peer.write(name);
      await peer.read();
      await peer.read();
    },
  ];
  for (const step of steps) {
    const { owner, peer } = await inbound(t, 150);
    const trickle = setInterval(() => peer.socket.write(new Uint8Array(0)), 10);
    await step(peer);
    await peer.closed();
    clearInterval(trickle);
    t.equal(owner.log.at(-1), 'failed timeout');
  }
  const { owner, peer } = await outbound(t, 150);
  await peer.read();
  await peer.closed();
  t.strictSame(owner.log, ['failed timeout']);
});

test('a byte now and then does not keep the socket', async (t) => {
  const { owner, peer } = await inbound(t, 60);
  peer.socket.write(Buffer.from([0, 200]));
  const started = performance.now();
  const trickle = setInterval(() => peer.socket.write(Buffer.from([78])), 15);
  await peer.closed();
  clearInterval(trickle);
  t.ok(performance.now() - started < 1000);
  t.match(owner.errors, [{ code: 'timeout' }]);
});

test('a message longer than the handshake’s are is refused before it comes', async (t) => {
  const { owner, peer } = await inbound(t);
  peer.socket.write(Buffer.from([0xff, 0xff]));
  await peer.closed();
  t.match(owner.errors, [{ code: 'invalid_message', cause: { code: 'frame_too_long' } }]);
});

test('a peer that closes at our digest most likely has another cookie, and we say so', async (t) => {
  const { owner, peer } = await outbound(t);
  await t.rejects(peer.accept(rawSelf(A, 'biscuit')));
  peer.socket.end();
  await until(() => owner.errors.length === 1, { what: 'the end' });
  t.match(owner.errors, [{ code: 'bad_cookie', context: { node: A } }]);
  t.notMatch(owner.errors[0]?.message, /oreo|biscuit/, 'the cookie is not in the message');
});

test('a reset is the cause of the failure', async (t) => {
  const { owner, peer } = await inbound(t);
  peer.socket.resetAndDestroy();
  await until(() => owner.errors.length === 1, { what: 'the end' });
  t.match(owner.errors, [{ code: 'closed', cause: { code: 'ECONNRESET' } }]);
});

test('an attempt whose dial fails says why', async (t) => {
  const known = new ConnectionError('unknown_node', 'no such node');
  const foreign = new Error('socket');
  for (const [thrown, expected] of [
    [known, known],
    [foreign, { code: 'unreachable', cause: foreign, context: { node: A } }],
  ] as const) {
    const owner = new FakeOwner();
    const dial: Dial = () => Promise.reject(thrown);
    Attempt.outbound(identity, owner, A, dial, { setupTimeMs: 1000 }).begin();
    await until(() => owner.errors.length === 1, { what: 'the end' });
    t.match(owner.errors, [expected]);
  }
});

test('a socket that closed before the attempt got hold of it is a failure at once', async (t) => {
  const { near } = await socketPair();
  near.destroy();
  await until(() => near.closed, { what: 'the socket to close' });
  const owner = new FakeOwner();
  Attempt.outbound(identity, owner, A, async () => near, { setupTimeMs: 60_000 }).begin();
  await until(() => owner.errors.length === 1, { what: 'the end' });
  t.match(owner.errors, [{ code: 'unreachable' }]);
});

test('aborting reports once; abandoning reports nothing; both release everything at once', async (t) => {
  const before = timers();
  const error = new ConnectionError('disconnect', 'given up');
  for (const end of ['abort', 'abandon'] as const) {
    for (const make of [inbound, outbound]) {
      const { owner, attempt, peer, near } = await make(t);
      if (make === outbound) await peer.read();
      attempt[end](error);
      t.ok(timers() <= before + 1, 'the one that polls may be there');
      attempt.abort(error);
      attempt.abandon();
      await peer.closed();
      t.strictSame(owner.log, end === 'abort' ? ['failed disconnect'] : []);
      t.ok(near.destroyed);
      near.emit('error', new Error('late'));
    }
  }
});

test('aborting while it dials ends the dial', async (t) => {
  const owner = new FakeOwner();
  let signal: AbortSignal | undefined;
  const dial: Dial = (_node, _timeoutMs, given) => {
    signal = given;
    return new Promise(() => {});
  };
  const attempt = Attempt.outbound(identity, owner, A, dial, { setupTimeMs: 1000 });
  attempt.begin();
  attempt.abandon();
  t.equal(signal?.aborted, true);
  t.strictSame(owner.log, []);
});

test('a nok parks the attempt: no socket, but a place until the deadline', async (t) => {
  const before = timers();
  for (const end of ['abandon', 'deadline'] as const) {
    const { owner, peer, attempt } = await outbound(t, 200);
    await peer.read();
    peer.write(encodeStatus('nok'));
    await peer.closed();
    t.strictSame(owner.log, [], 'still under way');
    if (end === 'abandon') attempt.abandon();
    else await until(() => owner.log.length > 0, { what: 'the deadline' });
    t.strictSame(owner.log, end === 'abandon' ? [] : ['failed nok']);
    t.ok(timers() <= before + 1);
  }
});

test('a message too many after a nok changes nothing', async (t) => {
  const { owner, peer, attempt } = await outbound(t, 5000);
  await peer.read();
  peer.write(encodeStatus('nok'), Buffer.from([0, 3, 115, 111, 107]));
  await peer.closed();
  t.strictSame(owner.log, []);
  attempt.abandon();
});
