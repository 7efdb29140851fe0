import { memoryUsage } from 'node:process';
import { test } from 'tap';
import {
  AHEAD_BYTES,
  MAX_OPEN_BYTES,
  MAX_OPEN_MESSAGES,
  Outbox,
  type Sink,
  WINDOW_BYTES,
} from '../../../../lib/distribution/node/outbox.ts';
import { signalForms, signalOf } from '../../../../lib/distribution/node/signal-codec.ts';
import type { Signal } from '../../../../lib/distribution/process/signals.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { ImproperList, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { termKey } from '../../../../lib/distribution/terms/term-key.ts';
import { OFFERED_FLAGS } from '../../../../lib/distribution/wire/flags.ts';
import { FrameParser } from '../../../../lib/distribution/wire/frame.ts';
import {
  MessageDecoder,
  type MessageDecoderLimits,
} from '../../../../lib/distribution/wire/message-decoder.ts';
import { MessageEncoder } from '../../../../lib/distribution/wire/message-encoder.ts';
import { collectGarbage } from '../../../support/garbage.ts';
import { randomReference, randomTerm } from '../../../support/random-terms.ts';
import { type SeededRandom, seededRandom } from '../../../support/seeded-random.ts';

const KIB = 1024;
/** Length, 131, 70, and the ids of message and fragment. */
const LATER_HEAD_BYTES = 22;
const to = new Pid('b@x', 1, 0, 1);
const sender = (id: number): Pid => new Pid('a@x', id, 0, 1);
const send = (id: number, message: Term): Signal => ({
  ...{ type: 'send', from: sender(id), to, message },
});

/** Takes all, or keeps it until the test says that the kernel has taken it. */
class FakeSocket implements Sink {
  writableLength = 0;
  corks = 0;
  readonly isSlow: boolean;
  readonly chunks: Uint8Array[] = [];

  constructor(isSlow = false) {
    this.isSlow = isSlow;
  }

  write(bytes: Uint8Array): boolean {
    this.chunks.push(this.isSlow ? bytes : Uint8Array.from(bytes));
    if (this.isSlow) this.writableLength += bytes.length;
    return true;
  }

  cork(): void {
    this.corks += 1;
  }

  uncork(): void {
    this.corks -= 1;
  }
}

/** The signals that a peer reads, in its order: messages as text, binaries by their length, others by type. */
function received(socket: FakeSocket, limits?: Partial<MessageDecoderLimits>): string[] {
  const parser = new FrameParser({ prefixBytes: 4, maxFrameBytes: 2 ** 27 });
  const decoder = new MessageDecoder(OFFERED_FLAGS, limits);
  const seen: string[] = [];
  for (const chunk of socket.chunks) parser.push(chunk);
  for (let body = parser.next(); body !== undefined; body = parser.next()) {
    const message = decoder.decode(body);
    if (message === undefined) continue;
    const signal = signalOf(message, 'a@x', sender(0));
    if (signal.type !== 'send') {
      seen.push(signal.type);
      continue;
    }
    const { from, message: term } = signal;
    seen.push(`${from.id}: ${term instanceof Uint8Array ? `${term.length} bytes` : String(term)}`);
  }
  return seen;
}

const outbox = (): Outbox =>
  new Outbox(new MessageEncoder(OFFERED_FLAGS), signalForms(OFFERED_FLAGS));

test('small messages go out in order, in one write for each flush', (t) => {
  const out = outbox();
  const socket = new FakeSocket();
  for (const name of ['a', 'b', 'c']) out.add(send(1, atom(name)));
  t.ok(out.bytes > 0);
  const bytes = out.bytes;
  t.equal(out.flush(socket), bytes);
  t.equal(socket.chunks.length, 1);
  t.equal(out.bytes, 0);
  out.add(send(2, atom('d')));
  out.flush(socket);
  t.equal(out.flush(socket), 0);
  t.equal(socket.chunks.length, 2);
  t.same(received(socket), ['1: a', '1: b', '1: c', '2: d']);
  t.end();
});

test('what the kernel has not taken is not written over', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  for (const name of ['first', 'second', 'third']) {
    out.add(send(1, atom(name)));
    out.flush(socket);
  }
  t.same(received(socket), ['1: first', '1: second', '1: third']);
  t.end();
});

test('a large message lets the small ones of others pass, and no more of it than the window waits', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  out.add(send(1, new Uint8Array(2048 * KIB)));
  const first = out.flush(socket);
  t.ok(first >= WINDOW_BYTES && first < WINDOW_BYTES + 130 * KIB, `${first} bytes`);
  t.ok(out.hasFragments);
  out.add(send(2, atom('small')));
  t.ok(out.flush(socket) < KIB, 'only the small one, while the socket has not drained');
  while (out.hasFragments) {
    socket.writableLength = 0;
    out.flush(socket);
  }
  t.equal(socket.corks, 0);
  t.equal(out.bytes, 0);
  t.same(received(socket), ['2: small', `1: ${2048 * KIB} bytes`]);
  t.end();
});

test('what a process sends after its large message comes after it', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  out.add(send(1, new Uint8Array(1024 * KIB)));
  out.flush(socket);
  out.add(send(1, tuple(atom('an'), atom('unheard'), atom('atom')).elements[1]!));
  out.add(send(1, new Uint8Array(300 * KIB)));
  out.add(send(1, atom('unheard')));
  out.add(send(2, atom('unheard')));
  while (out.bytes > 0) {
    socket.writableLength = 0;
    out.flush(socket);
  }
  t.same(received(socket), [
    '2: unheard',
    `1: ${1024 * KIB} bytes`,
    '1: unheard',
    `1: ${300 * KIB} bytes`,
    '1: unheard',
  ]);
  out.add(send(1, atom('unheard')));
  socket.writableLength = 0;
  out.flush(socket);
  t.equal(received(socket).length, 6);
  t.end();
});

test('the end of a process comes after its large message, also for those who know it by its name', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  const ref = new Reference('b@x', 1, [1, 2, 3]);
  const reason = atom('normal');
  out.add(send(1, new Uint8Array(1024 * KIB)));
  out.add({ type: 'down', from: atom('server'), ended: sender(1), to, ref, reason });
  out.add({ type: 'spawn_reply', ref, to, flags: 0, result: sender(1) });
  out.add({ type: 'down', from: atom('nobody'), to, ref, reason: atom('noproc') });
  while (out.bytes > 0) {
    socket.writableLength = 0;
    out.flush(socket);
  }
  t.same(received(socket), ['down', `1: ${1024 * KIB} bytes`, 'down', 'spawn_reply']);
  t.end();
});

test('large messages of several processes take turns', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  out.add(send(1, new Uint8Array(4096 * KIB)));
  out.add(send(2, new Uint8Array(512 * KIB)));
  while (out.hasFragments) {
    socket.writableLength = 0;
    out.flush(socket);
  }
  t.same(received(socket), [`2: ${512 * KIB} bytes`, `1: ${4096 * KIB} bytes`]);
  t.end();
});

test('a large message gets on, however many small ones there are', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  const fragments = 16;
  out.add(send(1, new Uint8Array((fragments - 1) * 64 * KIB)));
  let turns = 0;
  while (out.hasFragments && turns < 2 * fragments) {
    for (let i = 0; i < 10; i += 1) out.add(send(2, new Uint8Array(60 * KIB)));
    socket.writableLength = 0;
    out.flush(socket);
    turns += 1;
  }
  t.ok(turns <= fragments, `${turns} turns`);
  t.equal(received(socket).length, 10 * turns + 1);
  t.end();
});

test('what has gone is let go of, also while a process always has more to send', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  const message = new Uint8Array(1024 * KIB);
  out.add(send(1, message));
  collectGarbage();
  const before = memoryUsage().arrayBuffers;
  for (let i = 0; i < 100; i += 1) {
    out.add(send(1, message));
    while (out.bytes > 1100 * KIB) {
      socket.writableLength = 0;
      out.flush(socket);
      socket.chunks.length = 0;
    }
    if (!out.hasFragments) throw new Error('expected fragments to wait at any time');
  }
  collectGarbage();
  const grown = memoryUsage().arrayBuffers - before;
  t.ok(grown < 10 * 1024 * KIB, `100 MiB have gone, ${grown} bytes are kept`);
  t.end();
});

test('before the connection ends all of it is written', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  out.add(send(1, new Uint8Array(4096 * KIB)));
  out.add(send(1, atom('last')));
  const bytes = out.bytes;
  t.equal(out.flush(socket, true), bytes);
  t.notOk(out.hasFragments);
  t.same(received(socket), [`1: ${4096 * KIB} bytes`, '1: last']);
  t.end();
});

test('no more large messages are under way than a peer takes, and each gets its turn', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  const count = MAX_OPEN_MESSAGES + 100;
  const payload = new Uint8Array(70 * KIB);
  for (let id = 1; id <= count; id += 1) {
    out.add(send(id, payload));
    out.add(send(id, atom('behind')));
  }
  out.add(send(0, atom('small')));
  const { bytes } = out;
  let written = out.flush(socket);
  t.same(received(socket)[0], '0: small');
  while (out.hasFragments) {
    socket.writableLength = 0;
    written += out.flush(socket);
  }
  t.equal(written, bytes);
  t.equal(out.bytes, 0);
  const seen = received(socket, { maxOpenSequences: MAX_OPEN_MESSAGES });
  t.equal(seen.length, 2 * count + 1);
  for (let id = 1; id <= count; id += 1) {
    const own = seen.filter((message) => message.startsWith(`${id}: `));
    t.same(own, [`${id}: ${payload.length} bytes`, `${id}: behind`]);
  }
  t.end();
});

test('nor more of their bytes', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  const payload = new Uint8Array(8192 * KIB);
  const count = 24;
  for (let id = 1; id <= count; id += 1) out.add(send(id, payload));
  out.flush(socket, true);
  const open = new Set<bigint>();
  let most = 0;
  let ended = 0;
  for (const chunk of socket.chunks) {
    if (chunk.length !== LATER_HEAD_BYTES) continue;
    const head = Buffer.from(chunk);
    open.add(head.readBigUInt64BE(6));
    most = Math.max(most, open.size);
    if (head.readBigUInt64BE(14) === 1n && open.delete(head.readBigUInt64BE(6))) ended += 1;
  }
  t.equal(ended, count);
  t.ok(most * payload.length <= MAX_OPEN_BYTES, `${most} at a time`);
  t.ok((most + 2) * payload.length > MAX_OPEN_BYTES, `${most} at a time`);
  t.end();
});

test('what is no term is refused, and everything else goes on', (t) => {
  const out = outbox();
  const socket = new FakeSocket(true);
  out.add(send(1, atom('before')));
  const bytes = out.bytes;
  t.throws(() => out.add(send(1, tuple(atom('new'), Number.NaN))), { code: 'unencodable' });
  t.equal(out.bytes, bytes);
  out.add(send(1, new Uint8Array(200 * KIB)));
  t.throws(() => out.add(send(1, Number.NaN)), { code: 'unencodable' });
  out.add(send(1, atom('new')));
  while (out.bytes > 0) {
    socket.writableLength = 0;
    out.flush(socket);
  }
  t.same(received(socket), ['1: before', `1: ${200 * KIB} bytes`, '1: new']);
  t.end();
});

test('clear drops everything', (t) => {
  const out = outbox();
  const socket = new FakeSocket();
  out.add(send(1, new Uint8Array(1024 * KIB)));
  out.add(send(1, atom('x')));
  out.clear();
  t.equal(out.bytes, 0);
  t.notOk(out.hasFragments);
  t.equal(out.flush(socket), 0);
  t.same(socket.chunks, []);
  t.end();
});

test('a burst is begun before all of it is there, in parts that grow, if the socket keeps up', (t) => {
  const outbox = new Outbox(new MessageEncoder(OFFERED_FLAGS), signalForms(OFFERED_FLAGS));
  const socket = new FakeSocket();
  const parts: number[] = [];
  for (let i = 0; parts.length < 4; i += 1) {
    outbox.add(send(i, new Uint8Array(100)));
    if (outbox.isAhead(socket)) parts.push(outbox.flush(socket));
  }
  parts.forEach((bytes, i) => {
    const aimed = AHEAD_BYTES * 2 ** i;
    t.ok(bytes >= aimed && bytes < aimed + 200, `part ${i} has ${bytes} bytes`);
  });
  outbox.flush(socket);
  outbox.add(send(1, new Uint8Array(AHEAD_BYTES)));
  t.ok(outbox.isAhead(socket), 'the next burst begins with small parts again');
  socket.writableLength = 1;
  t.notOk(outbox.isAhead(socket), 'what the kernel has not taken yet is joined by what follows');
  t.end();
});

test('what goes beside a large message waits for the end of the turn', (t) => {
  const outbox = new Outbox(new MessageEncoder(OFFERED_FLAGS), signalForms(OFFERED_FLAGS));
  const socket = new FakeSocket();
  outbox.add(send(1, new Uint8Array(300 * KIB)));
  outbox.add(send(2, new Uint8Array(AHEAD_BYTES)));
  t.notOk(outbox.isAhead(socket));
  t.end();
});

/** Small and large, of few atoms and of many, and such as fill a header or have the longest names. */
function randomPart(random: SeededRandom): Term {
  switch (random.below(6)) {
    case 0:
      return atom('é'.repeat(random.below(256)));
    case 1:
      return atom(`a${random.below(5000)}`);
    case 2:
      return Array.from({ length: random.below(400) }, () => atom(`b${random.below(3000)}`));
    case 3:
      return new Uint8Array(random.below(150 * KIB)).fill(random.below(256));
    default:
      return randomTerm(random);
  }
}

function randomMessage(random: SeededRandom): Term {
  const tag = new ImproperList([atom('alias')], randomReference(random));
  const part = randomPart(random);
  switch (random.below(4)) {
    case 0:
      return tuple(atom('$gen_call'), tuple(sender(random.below(4)), tag), part);
    case 1:
      return tuple(tag, part);
    case 2:
      return tuple(part, randomPart(random), randomPart(random));
    default:
      return part;
  }
}

test('whatever processes send arrives as it was, and in the order of each', (t) => {
  for (let seed = 1; seed <= 12; seed += 1) {
    const random = seededRandom(seed);
    const out = outbox();
    const socket = new FakeSocket(true);
    const sent: string[][] = [[], [], [], []];
    for (let i = 0; i < 80; i += 1) {
      const id = random.below(4);
      const message = randomMessage(random);
      if (random.below(10) === 0) {
        const refused = tuple(message, Number.NaN);
        t.throws(() => out.add(send(id, refused)), { code: 'unencodable' });
      } else {
        out.add(send(id, message));
        sent[id]!.push(termKey(message));
      }
      if (random.below(3) === 0) socket.writableLength = 0;
      if (random.below(6) === 0) out.flush(socket);
    }
    out.flush(socket, true);
    t.same(receivedInChunks(Buffer.concat(socket.chunks), random), sent, `seed ${seed}`);
  }
  t.end();
});

function receivedInChunks(stream: Uint8Array, random: SeededRandom): string[][] {
  const parser = new FrameParser({ prefixBytes: 4, maxFrameBytes: 2 ** 27 });
  const decoder = new MessageDecoder(OFFERED_FLAGS);
  const seen: string[][] = [[], [], [], []];
  for (let at = 0; at < stream.length; ) {
    const size = 1 + random.below(random.below(10) === 0 ? 100 : 200_000);
    parser.push(Uint8Array.from(stream.subarray(at, at + size)));
    at += size;
    while (parser.advance(decoder.reader, decoder)) {
      const message = decoder.decodeNext();
      if (message === undefined) continue;
      const signal = signalOf(message, 'a@x', sender(0));
      if (signal.type === 'send') seen[signal.from.id]!.push(termKey(signal.message));
    }
  }
  return seen;
}
