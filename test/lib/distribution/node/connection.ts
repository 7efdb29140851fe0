import type { Socket } from 'node:net';
import { test } from 'tap';
import {
  type CloseReason,
  Connection,
  type ConnectionOptions,
} from '../../../../lib/distribution/node/connection.ts';
import { AHEAD_BYTES } from '../../../../lib/distribution/node/outbox.ts';
import { controlOf, signalForms } from '../../../../lib/distribution/node/signal-codec.ts';
import type { Signal } from '../../../../lib/distribution/process/signals.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import {
  DFLAG_ALIAS,
  DFLAG_DIST_MONITOR,
  DFLAG_DIST_MONITOR_NAME,
  DFLAG_SPAWN,
  OFFERED_FLAGS,
  PASS_THROUGH_FLAGS,
} from '../../../../lib/distribution/wire/flags.ts';
import { FrameParser, frame } from '../../../../lib/distribution/wire/frame.ts';
import { MessageDecoder } from '../../../../lib/distribution/wire/message-decoder.ts';
import { MessageEncoder } from '../../../../lib/distribution/wire/message-encoder.ts';
import { mutate, randomChunks, seededRandom } from '../../../support/seeded-random.ts';
import { socketPair } from '../../../support/sockets.ts';
import { until } from '../../../support/until.ts';

const here = new Pid('here@h', 1, 0, 1);
const there = new Pid('there@h', 2, 0, 1);

interface Fixture {
  readonly connection: Connection;
  readonly near: Socket;
  readonly far: Socket;
  readonly signals: Signal[];
  readonly closes: { reason: CloseReason; error: Error | undefined }[];
  /** frames of signals as the peer would send them */
  peerSends(...signals: Signal[]): Buffer;
  /** what the peer has received so far */
  peerGot(): Signal[];
}

async function connected(
  t: { teardown(fn: () => unknown): void },
  options: Partial<ConnectionOptions> & { flags?: bigint; start?: boolean } = {},
): Promise<Fixture> {
  const { flags = OFFERED_FLAGS, start = true, ...overrides } = options;
  const { near, far } = await socketPair();
  far.on('error', () => {});
  t.teardown(() => {
    near.destroy();
    far.destroy();
  });
  const signals: Signal[] = [];
  const closes: Fixture['closes'] = [];
  const connection = new Connection({
    ...{ id: 1, peer: 'there@h', peerCreation: 1, visible: true, socket: near },
    parser: new FrameParser({ prefixBytes: 4, maxFrameBytes: 1024 * 1024 }),
    encoder: new MessageEncoder(flags),
    decoder: new MessageDecoder(flags),
    netTickTimeMs: 60_000,
    highWaterMarkBytes: 64 * 1024,
    maxQueuedBytes: 256 * 1024 * 1024,
    forms: signalForms(flags),
    nobody: new Pid('here@h', 0, 0, 1),
    onSignal: (signal) => signals.push(signal),
    onClose: (reason, error) => closes.push({ reason, error }),
    ...overrides,
  });
  const parser = new FrameParser({ prefixBytes: 4, maxFrameBytes: 2 ** 27 });
  const decoder = new MessageDecoder(flags);
  const encoder = new MessageEncoder(flags);
  const received: Signal[] = [];
  far.on('data', (chunk) => parser.push(chunk));
  if (start) connection.start();
  return {
    ...{ connection, near, far, signals, closes },
    peerSends: (...sent) =>
      Buffer.concat(
        sent.flatMap((signal) => {
          const { control, payload } = controlOf(signal, signalForms(flags));
          return encoder.encode(control, payload);
        }),
      ),
    peerGot() {
      for (let body = parser.next(); body !== undefined; body = parser.next()) {
        if (body.length === 0) continue;
        const message = decoder.decode(body);
        if (message === undefined) continue;
        const to = message.control as { to: Pid; from: Pid };
        received.push({ type: 'send', from: to.from, to: to.to, message: message.payload! });
      }
      return received;
    },
  };
}

const toPeer = (message: Term): Signal => ({ type: 'send', from: here, to: there, message });
const toUs = (message: Term): Signal => ({ type: 'send', from: there, to: here, message });
const messages = (signals: readonly Signal[]): Term[] =>
  signals.map((signal) => (signal.type === 'send' ? signal.message : atom('other')));

for (const [form, flags] of [
  ['distribution headers', OFFERED_FLAGS],
  ['pass-through', PASS_THROUGH_FLAGS],
] as const) {
  test(`carries signals in order in both directions, ${form}`, async (t) => {
    const { connection, far, signals, peerSends, peerGot } = await connected(t, { flags });
    const large = new Uint8Array(300_000).fill(5);
    const sent: Term[] = [1, atom('two'), tuple(3, [4]), large, atom('two')];
    for (const message of sent) connection.send(toPeer(message));
    await until(() => peerGot().length === sent.length, { what: 'all to arrive there' });
    t.ok(
      messages(peerGot()).every((message, i) =>
        Buffer.from(`${message}`).equals(Buffer.from(`${sent[i]}`)),
      ),
    );
    far.write(peerSends(...sent.map(toUs)));
    await until(() => signals.length === sent.length, { what: 'all to arrive here' });
    t.equal(`${messages(signals)}`, `${sent}`);
  });
}

test('takes a stream apart wherever it is cut, a byte at a time included', async (t) => {
  const sent = [1, atom('two'), tuple(atom('two'), 3), new Uint8Array(500)];
  const random = seededRandom(1);
  for (let round = 0; round < 12; round += 1) {
    const { near, signals, peerSends } = await connected(t);
    const stream = Buffer.concat([frame(new Uint8Array(0), 4), peerSends(...sent.map(toUs))]);
    const chunks =
      round === 0
        ? Array.from(stream, (_, i) => stream.subarray(i, i + 1))
        : randomChunks(stream, random);
    for (const chunk of chunks) near.emit('data', chunk);
    t.equal(`${messages(signals)}`, `${sent}`);
  }
});

test('an answer goes out in the turn in which its message came', async (t) => {
  const { connection, near, peerSends, peerGot } = await connected(t, {
    onSignal: () => connection.send(toPeer(atom('answer'))),
  });
  near.emit('data', peerSends(toUs(1), toUs(2)));
  t.ok(connection.bytesWritten > 0);
  await until(() => peerGot().length === 2, { what: 'the answers to arrive' });
});

test('the peer can begin with a long burst before its end', async (t) => {
  const { connection, peerGot } = await connected(t);
  const count = 1000;
  for (let i = 0; i < count; i += 1) connection.send(toPeer(i));
  t.ok(connection.bytesWritten > 0);
  await until(() => peerGot().length === count, { what: 'all to arrive' });
  t.strictSame(
    messages(peerGot()),
    Array.from({ length: count }, (_, i) => i),
  );
});

test('what came before the start is looked at after it, and first', async (t) => {
  const { connection, near, signals, peerSends } = await connected(t, { start: false });
  near.emit('data', peerSends(toUs(1)));
  t.strictSame(signals, []);
  connection.start();
  near.emit('data', peerSends(toUs(2)));
  t.strictSame(messages(signals), [1, 2]);
});

test('hundreds of mutated and random streams end that connection and throw nothing', async (t) => {
  const random = seededRandom(20);
  const reasons = new Map<string, number>();
  const { near, far } = await socketPair();
  t.teardown(() => [near.destroy(), far.destroy()]);
  far.on('error', () => {});
  near.setMaxListeners(0);
  const encoder = new MessageEncoder(PASS_THROUGH_FLAGS);
  for (let round = 0; round < 600; round += 1) {
    const flags = round % 2 === 0 ? OFFERED_FLAGS : PASS_THROUGH_FLAGS;
    // A socket that only listens: hundreds of real ones would test the operating system.
    const socket = Object.assign(Object.create(near) as Socket, {
      ...{ end: () => {}, destroy: () => {}, resume: () => {}, write: () => true },
    });
    let closes = 0;
    const connection = new Connection({
      ...{ id: 1, peer: 'there@h', peerCreation: 1, visible: true, socket },
      parser: new FrameParser({ prefixBytes: 4, maxFrameBytes: 10_000 }),
      encoder: new MessageEncoder(flags),
      decoder: new MessageDecoder(flags),
      ...{ netTickTimeMs: 60_000, highWaterMarkBytes: 1, maxQueuedBytes: 1 },
      forms: signalForms(flags),
      nobody: here,
      onSignal: () => {},
      onClose: (reason) => {
        closes += 1;
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      },
    });
    connection.start();
    const { control, payload } = controlOf(toUs(tuple(atom('x'), round)), signalForms(flags));
    const [good] = (flags === OFFERED_FLAGS ? new MessageEncoder(flags) : encoder).encode(
      control,
      payload,
    );
    const bytes = round % 3 === 0 ? random.bytes(1 + random.below(200)) : mutate(good!, random);
    const listener = socket.listeners('data').at(-1) as (chunk: Uint8Array) => void;
    t.doesNotThrow(() => {
      for (const chunk of randomChunks(bytes, random)) listener.call(socket, chunk);
    });
    connection.close('shutdown');
    t.equal(closes, 1);
  }
  t.ok((reasons.get('protocol_error') ?? 0) > 300, 'most of them break the protocol');
  t.strictSame([...reasons.keys()].sort(), ['protocol_error', 'shutdown']);
});

test('a frame longer than the limit ends the connection before its body comes', async (t) => {
  const { near, closes } = await connected(t);
  near.emit('data', Buffer.from([0x00, 0x10, 0x00, 0x01]));
  t.match(closes, [{ reason: 'protocol_error', error: { code: 'frame_too_long' } }]);
});

test('a value that is no term throws to the sender, and the atom caches stay in step', async (t) => {
  const { connection, peerGot, closes } = await connected(t);
  connection.send(toPeer(atom('known')));
  const notATerm = Symbol('not a term') as unknown as Term;
  for (let i = 0; i < 3000; i += 1) {
    // More new atoms than the cache has slots, so that known ones are driven out, too.
    t.throws(() => connection.send(toPeer(tuple(atom(`lost${i}`), atom('known'), notATerm))));
  }
  const sent: Term[] = [tuple(atom('lost7'), atom('known')), atom('lost2999'), atom('known')];
  for (const message of sent) connection.send(toPeer(message));
  await until(() => peerGot().length === sent.length + 1, { what: 'all to arrive' });
  t.equal(`${messages(peerGot()).slice(1)}`, `${sent}`);
  t.strictSame(closes, []);
});

test('signals sent before the end go out, also those of the same turn', async (t) => {
  const { connection, far, peerGot, closes } = await connected(t);
  for (let i = 0; i < 100; i += 1) connection.send(toPeer(i));
  connection.close('shutdown');
  connection.send(toPeer(100));
  t.strictSame(closes, [{ reason: 'shutdown', error: undefined }]);
  await until(() => far.destroyed || far.readableEnded, { what: 'the socket to close' });
  t.strictSame(messages(peerGot()), [...Array(100).keys()]);
});

test('bytes that still arrive after the end are discarded', async (t) => {
  const { connection, near, far, signals, peerSends } = await connected(t);
  connection.close('disconnect');
  far.write(peerSends(toUs(1)));
  await until(() => near.closed, { what: 'the socket to close' });
  t.strictSame(signals, []);
});

test('a signal handler that closes the connection sees no later signal', async (t) => {
  const seen: Term[] = [];
  const { connection, near, peerSends, closes } = await connected(t, {
    onSignal(signal) {
      seen.push(...messages([signal]));
      if (seen.length === 2) connection.close('disconnect');
    },
  });
  near.emit('data', peerSends(toUs(1), toUs(2), toUs(3)));
  t.strictSame(seen, [1, 2]);
  t.equal(closes.length, 1);
});

test('a peer that closes, resets or half-closes is noticed at once, and once', async (t) => {
  for (const end of ['end', 'destroy', 'resetAndDestroy'] as const) {
    const { connection, near, far, closes } = await connected(t);
    far[end]();
    await until(() => closes.length > 0, { what: `the loss after ${end}` });
    t.equal(closes[0]?.reason, 'connection_closed', end);
    t.notOk(connection.isUp);
    await until(() => near.closed, { what: 'the socket to close' });
    t.equal(closes.length, 1);
  }
});

test('a peer that half-closes and does not read is not waited for', async (t) => {
  const { connection, far, near, closes } = await connected(t);
  far.pause();
  for (let i = 0; i < 16; i += 1) connection.send(toPeer(new Uint8Array(1024 * 1024)));
  await until(() => near.writableLength > 0 && near.bytesWritten > 0, {
    what: 'the socket to be full',
  });
  far.end();
  await until(() => closes.length > 0, { what: 'the loss', timeoutMs: 2000 });
  t.equal(closes[0]?.reason, 'connection_closed');
});

test('a sender that waits for room goes on when there is some, and when the connection ends', async (t) => {
  const { connection, far, peerGot } = await connected(t);
  await connection.whenWritable();
  far.pause();
  for (let i = 0; i < 16; i += 1) connection.send(toPeer(new Uint8Array(1024 * 1024)));
  t.ok(connection.isBusy);
  let resolved = false;
  const room = connection.whenWritable().then(() => {
    resolved = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 30));
  t.notOk(resolved, 'the peer does not read');
  far.resume();
  await room;
  await until(() => peerGot().length === 16, { what: 'all to arrive' });
  far.pause();
  for (let i = 0; i < 16; i += 1) connection.send(toPeer(new Uint8Array(1024 * 1024)));
  const ended = connection.whenWritable();
  connection.close('net_tick_timeout');
  await ended;
  await connection.whenWritable();
});

test('a high-water mark below the size of the socket buffer releases its waiters', async (t) => {
  const { connection, peerGot } = await connected(t, { highWaterMarkBytes: 10 });
  for (let i = 0; i < 5; i += 1) {
    connection.send(toPeer(new Uint8Array(100)));
    t.ok(connection.isBusy);
    await connection.whenWritable();
  }
  await until(() => peerGot().length === 5, { what: 'all to arrive' });
});

test('nor does whoever waits behind the begin of a burst wait for a socket that has room', async (t) => {
  const { connection, near } = await connected(t, { highWaterMarkBytes: 100 });
  near.cork();
  connection.send(toPeer(new Uint8Array(AHEAD_BYTES)));
  t.ok(connection.isBusy);
  t.notOk(near.writableNeedDrain);
  await connection.whenWritable();
  near.uncork();
});

test('the bound of the queue ends the connection, but not from within send', async (t) => {
  const { connection, far, closes } = await connected(t, { maxQueuedBytes: 100_000 });
  far.pause();
  // More than the buffers of the kernel take of it.
  for (let i = 0; i < 300; i += 1) connection.send(toPeer(new Uint8Array(60_000)));
  t.strictSame(closes, [], 'a sender must not see nodedown in the midst of what it does');
  await Promise.resolve();
  t.strictSame(closes, [{ reason: 'send_queue_full', error: undefined }]);
  t.equal(connection.bytesQueued, 0, 'nothing is kept');
});

test('ticks while there is nothing to say, and gives a silent peer up', async (t) => {
  const { far, closes } = await connected(t, { netTickTimeMs: 80 });
  const received: Buffer[] = [];
  far.on('data', (chunk) => received.push(chunk));
  await until(() => closes.length > 0, { what: 'the peer to be given up' });
  t.strictSame(closes, [{ reason: 'net_tick_timeout', error: undefined }]);
  await until(() => Buffer.concat(received).length >= 12, { what: 'the ticks' });
  t.strictSame(Buffer.concat(received), Buffer.alloc(12), 'three ticks of four bytes');
});

test('a peer that is suspended is let go although it does not acknowledge the end', async (t) => {
  const { connection, near, far } = await connected(t);
  far.pause();
  for (let i = 0; i < 16; i += 1) connection.send(toPeer(new Uint8Array(1024 * 1024)));
  await until(() => near.writableLength > 0, { what: 'the socket to be full' });
  connection.close('disconnect');
  await until(() => near.destroyed, { what: 'the socket to be given up', timeoutMs: 3000 });
});

test('a peer that knows no monitors, aliases or requests to spawn is not sent any', async (t) => {
  const flags =
    PASS_THROUGH_FLAGS &
    ~(DFLAG_DIST_MONITOR | DFLAG_DIST_MONITOR_NAME | DFLAG_ALIAS | DFLAG_SPAWN);
  const { connection, signals, peerGot } = await connected(t, { flags });
  const ref = new Reference('here@h', 1, [1, 2, 3]);
  connection.send({ type: 'monitor', from: here, target: there, ref });
  connection.send({ type: 'demonitor', from: here, target: there, ref });
  connection.send({ type: 'send_alias', from: here, to: ref, message: 1 });
  connection.send({
    ...{ type: 'spawn_request', ref, from: here, groupLeader: here, module: 'm' },
    ...{ function: 'f', arity: 0, options: [], args: [] },
  });
  connection.send(toPeer(2));
  await until(() => peerGot().length > 0, { what: 'the message' });
  t.strictSame(messages(peerGot()), [2]);
  const refusal = { type: 'spawn_reply', ref, to: here, flags: 0, result: atom('notsup') };
  t.strictSame(signals, [refusal], 'who asked for a process must not wait');
  t.ok(connection.isUp);
});
