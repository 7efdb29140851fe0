import t from 'tap';
import { ByteWriter } from '../../../../lib/distribution/bytes/writer.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { EncodedTerm, encodeExternal } from '../../../../lib/distribution/terms/encode.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { BitString, OpaqueFun, type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { termKey } from '../../../../lib/distribution/terms/term-key.ts';
import { encodeControl } from '../../../../lib/distribution/wire/control/control.ts';
import {
  DFLAG_DIST_HDR_ATOM_CACHE,
  DFLAG_FRAGMENTS,
  OFFERED_FLAGS,
  PASS_THROUGH_FLAGS,
} from '../../../../lib/distribution/wire/flags.ts';
import { FrameParser } from '../../../../lib/distribution/wire/frame.ts';
import { type Message, MessageDecoder } from '../../../../lib/distribution/wire/message-decoder.ts';
import { MessageEncoder } from '../../../../lib/distribution/wire/message-encoder.ts';
import { distributionCapture } from '../../../support/distribution-capture.ts';
import { seededRandom } from '../../../support/seeded-random.ts';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const a = new Pid('a@127.0.0.1', 60, 0, 5);
const b = new Pid('b@127.0.0.1', 61, 0, 6);
const SEND = tuple(22, a, b);
const LINK = tuple(1, a, b);

const HEADER_ONLY = PASS_THROUGH_FLAGS | DFLAG_DIST_HDR_ATOM_CACHE;
const FRAGMENTS_ONLY = PASS_THROUGH_FLAGS | DFLAG_FRAGMENTS;
const ALL_FORMS = [PASS_THROUGH_FLAGS, HEADER_ONLY, FRAGMENTS_ONLY, OFFERED_FLAGS];

/** The body of a frame, checking its length. */
function bodyOf(frame: Uint8Array): Uint8Array {
  const parser = new FrameParser({ prefixBytes: 4, maxFrameBytes: 2 ** 30 });
  parser.push(frame);
  const body = parser.next();
  if (body === undefined || body.length + 4 !== frame.length) throw new Error('not one frame');
  return body;
}

function decodeAll(decoder: MessageDecoder, frames: readonly Uint8Array[]): Message[] {
  return frames.flatMap((frame) => decoder.decode(bodyOf(frame)) ?? []);
}

const sizeOf = (parts: readonly Uint8Array[]) => parts.reduce((sum, { length }) => sum + length, 0);

/** The size that a closure says of itself in a message that is cut: behind its tag, first in the second frame. */
function sizeOfFun(fun: OpaqueFun): Uint8Array {
  const encoder = new MessageEncoder(FRAGMENTS_ONLY);
  const [, second] = encoder.encode(SEND, tuple(fun, new Uint8Array(100_000)));
  return Uint8Array.from(second!.subarray(4 + 18 + 3, 4 + 18 + 7));
}

t.test('pass-through frames equal those of OTP, byte by byte', async (t) => {
  for (const side of ['initiator', 'acceptor'] as const) {
    const decoder = new MessageDecoder(PASS_THROUGH_FLAGS);
    const encoder = new MessageEncoder(PASS_THROUGH_FLAGS);
    for (const body of distributionCapture('pass-through')[0]![side].frames) {
      const { control, payload } = decoder.decode(body)!;
      const [frame] = encoder.encode(encodeControl(control), payload);
      t.equal(hex(bodyOf(frame!)), hex(body), control.operation);
    }
  }
});

t.test('what OTP said goes through every form unchanged', async (t) => {
  const source = new MessageDecoder(OFFERED_FLAGS);
  const messages = distributionCapture('messages')[0]!.initiator.frames.map(
    (body) => source.decode(body)!,
  );
  for (const flags of ALL_FORMS) {
    const encoder = new MessageEncoder(flags);
    const decoder = new MessageDecoder(flags);
    for (const { control, payload } of messages) {
      const [message, ...others] = decodeAll(
        decoder,
        encoder.encode(encodeControl(control), payload),
      );
      t.same(others, []);
      t.equal(termKey(encodeControl(message!.control)), termKey(encodeControl(control)));
      if (payload !== undefined) t.equal(termKey(message!.payload!), termKey(payload));
    }
  }
});

t.test('a payload that was encoded beforehand says the same in every form', async (t) => {
  const payloads: Term[] = [tuple(atom('hello'), [1, 2], atom('hello')), Buffer.alloc(200_000, 1)];
  for (const flags of ALL_FORMS) {
    const encoder = new MessageEncoder(flags);
    const decoder = new MessageDecoder(flags);
    for (const payload of payloads) {
      const encoded = new EncodedTerm(payload);
      // In between, so that the caches of both sides are seen to stay in step.
      const frames = [
        ...encoder.encode(SEND, payload),
        ...encoder.encode(SEND, encoded),
        ...encoder.encode(SEND, encoded),
        ...encoder.encode(SEND, payload),
      ];
      const messages = decodeAll(decoder, frames);
      t.equal(messages.length, 4);
      for (const message of messages) t.equal(termKey(message.payload!), termKey(payload));
    }
  }
});

t.test('the form of a message follows the flags', async (t) => {
  const begin = (flags: bigint) => hex(new MessageEncoder(flags).encode(LINK)[0]!.subarray(4, 8));
  t.equal(begin(PASS_THROUGH_FLAGS), '70836803');
  t.equal(begin(HEADER_ONLY), '83440288');
  t.equal(begin(OFFERED_FLAGS), '83440288');
  t.equal(begin(FRAGMENTS_ONLY), '83440068', 'a header without atoms');
});

t.test('atoms travel once per connection', async (t) => {
  const encoder = new MessageEncoder(OFFERED_FLAGS);
  const payload = tuple(atom('$gen_cast'), atom('request'));
  const [first] = encoder.encode(SEND, payload);
  const [second] = encoder.encode(SEND, payload);
  t.ok(hex(first!).includes(hex(Buffer.from('$gen_cast'))));
  t.notOk(hex(second!).includes(hex(Buffer.from('$gen_cast'))));
  t.ok(second!.length < 70, `${second!.length} bytes`);
});

t.test('a head too long for the room before the terms', async (t) => {
  const encoder = new MessageEncoder(OFFERED_FLAGS);
  const decoder = new MessageDecoder(OFFERED_FLAGS);
  for (const count of [1, 5, 10, 254, 255, 256, 400]) {
    const payload = Array.from({ length: count }, (_, i) => atom(`atom_${count}_${i}`));
    const [message] = decodeAll(decoder, encoder.encode(SEND, payload));
    t.equal(termKey(message!.payload!), termKey(payload), `${count} atoms`);
  }
  const long = [atom('\u{1F600}'.repeat(255)), atom('short')];
  t.same(decodeAll(decoder, encoder.encode(SEND, long))[0]?.payload, long);
});

t.test('cuts large messages every 64 KiB', async (t) => {
  const encoder = new MessageEncoder(OFFERED_FLAGS);
  const payload = seededRandom(8).bytes(200_000);
  const frames = encoder.encode(SEND, payload);
  t.equal(frames.length, 5);
  t.same(
    frames.map((frame) => frame[5]),
    [69, 70, 70, 70, 70],
  );
  t.ok(frames[0]!.length < 100, 'the first has the control message alone');
  t.equal(frames[1]!.length, 4 + 65554, 'as OTP');
  const decoder = new MessageDecoder(OFFERED_FLAGS);
  const messages = decodeAll(decoder, frames);
  t.equal(messages.length, 1);
  t.ok(Buffer.compare(messages[0]!.payload as Uint8Array, payload) === 0);
  const sequenceId = (frame: Uint8Array) => hex(frame.subarray(6, 14));
  t.not(sequenceId(encoder.encode(SEND, payload)[0]!), sequenceId(frames[0]!));
});

t.test('the border between one frame and two', async (t) => {
  const decoder = new MessageDecoder(FRAGMENTS_ONLY);
  const encoder = new MessageEncoder(FRAGMENTS_ONLY);
  const overhead = encoder.encode(SEND, new Uint8Array(0))[0]!.length - 7;
  for (const [extra, count] of [
    [0, 1],
    [1, 2],
    [overhead - 5, 2],
    [overhead - 4, 3],
  ] as const) {
    const payload = new Uint8Array(65536 - overhead + extra);
    const frames = encoder.encode(SEND, payload);
    t.equal(frames.length, count);
    t.equal((decodeAll(decoder, frames)[0]!.payload as Uint8Array).length, payload.length);
  }
});

t.test('a control message is never cut', async (t) => {
  const big = new Uint8Array(100_000);
  const spawn = tuple(29, 1, 2, 3, 4, big);
  const [first, ...others] = new MessageEncoder(OFFERED_FLAGS).encode(spawn, big);
  t.ok(first!.length > 100_000);
  t.equal(others.length, 2);
  const [whole, ...none] = new MessageEncoder(OFFERED_FLAGS).encode(spawn);
  t.equal(whole![5], 68);
  t.same(none, []);
});

t.test('a large binary is not copied, wherever in the payload it stands', async (t) => {
  const random = seededRandom(12);
  const [first, second] = [random.bytes(150_000), random.bytes(70_000)];
  const bits = new BitString(random.bytes(80_000), 3);
  const fun = new OpaqueFun({
    ...{ arity: 0, uniq: random.bytes(16), index: 1, module: 'm', oldIndex: 1, oldUniq: 2, pid: a },
    freeVariables: [second],
  });
  const encoder = new MessageEncoder(OFFERED_FLAGS);
  const decoder = new MessageDecoder(OFFERED_FLAGS);
  for (const payload of [
    first,
    tuple(atom('chunk'), a, first),
    tuple(first, [second, bits], fun),
  ]) {
    const out = new ByteWriter();
    const fragments = encoder.encodeInto(out, SEND, payload)!;
    t.equal(out.length, 0);
    const views = fragments.flatMap(({ parts }) => parts).filter((p) => p.buffer === first.buffer);
    t.equal(
      views.reduce((sum, { length }) => sum + length, 0),
      first.length,
    );
    for (const { head, parts } of fragments) {
      t.equal(bodyOf(Buffer.concat([head, ...parts])).length, head.length - 4 + sizeOf(parts));
    }
    const frames = fragments.map(({ head, parts }) => Buffer.concat([head, ...parts]));
    const [message] = decodeAll(decoder, frames);
    t.equal(termKey(message!.payload!), termKey(payload));
  }
  t.same(new Uint8Array(encodeExternal(fun).subarray(2, 6)), sizeOfFun(fun));
});

t.test('without FRAGMENTS a large message is one frame', async (t) => {
  for (const flags of [PASS_THROUGH_FLAGS, HEADER_ONLY]) {
    t.equal(new MessageEncoder(flags).encode(SEND, new Uint8Array(200_000)).length, 1);
  }
});

t.test('fragments of several messages may be interleaved', async (t) => {
  const encoder = new MessageEncoder(OFFERED_FLAGS);
  const payloads: Term[] = [1, 2, 3].map((n) =>
    tuple(atom(`m${n}`), new Uint8Array(150_000).fill(n)),
  );
  const queues = payloads.map((payload) => encoder.encode(SEND, payload));
  const decoder = new MessageDecoder(OFFERED_FLAGS);
  const got: Term[] = [];
  while (queues.some((queue) => queue.length > 0)) {
    for (const queue of queues) {
      const frame = queue.shift();
      const message = frame && decoder.decode(bodyOf(frame));
      if (message?.payload !== undefined) got.push(message.payload);
    }
  }
  t.same(got.map(termKey), payloads.map(termKey));
});

t.test('what cannot be encoded leaves the connection usable', async (t) => {
  for (const flags of ALL_FORMS) {
    const encoder = new MessageEncoder(flags);
    const decoder = new MessageDecoder(flags);
    const unencodable = tuple(atom('never_sent'), Number.NaN);
    t.throws(() => encoder.encode(SEND, unencodable), { code: 'unencodable' });
    t.throws(() => encoder.encode(tuple(22, a, Number.NaN), 1), { code: 'unencodable' });
    const payload = tuple(atom('never_sent'), atom('sent'));
    t.same(decodeAll(decoder, encoder.encode(SEND, payload))[0]?.payload, payload);
  }
});

t.test('frames belong to the caller', async (t) => {
  for (const flags of ALL_FORMS) {
    const encoder = new MessageEncoder(flags);
    const [first] = encoder.encode(SEND, 1);
    const before = hex(first!);
    encoder.encode(SEND, new Uint8Array(5000).fill(0xff));
    encoder.encode(SEND, 2);
    t.equal(hex(first!), before);
  }
});
