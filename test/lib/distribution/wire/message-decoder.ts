import { memoryUsage } from 'node:process';
import t from 'tap';
import { DistributionError } from '../../../../lib/distribution/errors.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { encodeExternal } from '../../../../lib/distribution/terms/encode.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { type Term, Tuple, tuple } from '../../../../lib/distribution/terms/term.ts';
import { termKey } from '../../../../lib/distribution/terms/term-key.ts';
import { encodeControl } from '../../../../lib/distribution/wire/control/control.ts';
import {
  DFLAG_DIST_HDR_ATOM_CACHE,
  DFLAG_FRAGMENTS,
  OFFERED_FLAGS,
  PASS_THROUGH_FLAGS,
} from '../../../../lib/distribution/wire/flags.ts';
import { FrameParser } from '../../../../lib/distribution/wire/frame.ts';
import {
  MessageDecoder,
  type MessageDecoderLimits,
} from '../../../../lib/distribution/wire/message-decoder.ts';
import { MessageEncoder } from '../../../../lib/distribution/wire/message-encoder.ts';
import { distributionCapture } from '../../../support/distribution-capture.ts';
import { collectGarbage } from '../../../support/garbage.ts';
import { mutate, randomChunks, seededRandom } from '../../../support/seeded-random.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const hex = (body: Uint8Array) => Buffer.from(body).toString('hex');
const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');

const a = new Pid('a@127.0.0.1', 60, 0, 5);
const b = new Pid('b@127.0.0.1', 61, 0, 6);
const NODE = ascii('b@127.0.0.1');

const FLAGS = { messages: OFFERED_FLAGS, 'pass-through': PASS_THROUGH_FLAGS };

/** A term without its version byte, in hex. */
const term = (value: Term) => hex(encodeExternal(value)).slice(2);

const u64 = (value: number) => value.toString(16).padStart(16, '0');
const start = (sequence: number, fragment: number, rest: string) =>
  bytes(`8345 ${u64(sequence)} ${u64(fragment)} 00 ${rest}`);
const later = (sequence: number, fragment: number, rest: string) =>
  bytes(`8346 ${u64(sequence)} ${u64(fragment)} ${rest}`);

const SEND = term(tuple(22, a, b));
const LINK = term(tuple(1, a, b));

function failure(flags: bigint, body: Uint8Array): DistributionError | undefined {
  try {
    new MessageDecoder(flags).decode(body);
    return undefined;
  } catch (error) {
    if (error instanceof DistributionError) return error;
    throw error;
  }
}

t.test('a pass-through message of OTP 27', async (t) => {
  const body = bytes(
    `70 83 6804 6106 58 770b ${NODE} 0000003a 00000000 00237ee2 7700 7703 ${ascii('rex')}
     83 6802 58 770b ${NODE} 0000003a 00000000 00237ee2 7710 ${ascii('features_request')}`.replace(
      /\s/g,
      '',
    ),
  );
  t.equal(body.length, 0x56);
  const from = new Pid('b@127.0.0.1', 0x3a, 0, 0x237ee2);
  t.same(new MessageDecoder(PASS_THROUGH_FLAGS).decode(body), {
    control: { operation: 'REG_SEND', from, to: atom('rex') },
    payload: tuple(from, atom('features_request')),
  });
});

t.test('the same message with a distribution header', async (t) => {
  const header = `04 89fc00 91 0b ${NODE} 0500 99 03 ${ascii('rex')} 47 10 ${ascii('features_request')}`;
  const pid = '58 5200 0000003a 00000000 00237ee2';
  const body = bytes(`8344 ${header} 6804 6106 ${pid} 5201 5202 6802 ${pid} 5203`);
  const message = new MessageDecoder(OFFERED_FLAGS).decode(body);
  const from = new Pid('b@127.0.0.1', 0x3a, 0, 0x237ee2);
  t.same(message?.control, { operation: 'REG_SEND', from, to: atom('rex') });
  t.same(message?.payload, tuple(from, atom('features_request')));
});

t.test('everything that two OTP nodes say to each other', async (t) => {
  for (const [name, flags] of Object.entries(FLAGS)) {
    const [connection] = distributionCapture(name);
    const operations = { a: new Set<string>(), b: new Set<string>() };
    const decoders = { a: new MessageDecoder(flags), b: new MessageDecoder(flags) };
    for (const body of connection!.initiator.frames) {
      operations.a.add(decoders.a.decode(body)!.control.operation);
    }
    let payloads = 0;
    for (const body of connection!.acceptor.frames) {
      const message = decoders.b.decode(body)!;
      operations.b.add(message.control.operation);
      if (message.payload !== undefined) payloads += 1;
    }
    t.same(
      [...operations.a].sort(),
      [
        'DEMONITOR_P',
        'GROUP_LEADER',
        'LINK',
        'MONITOR_P',
        'PAYLOAD_EXIT2',
        'REG_SEND',
        'REG_SEND_TT',
        'SEND_SENDER',
        'SEND_SENDER_TT',
        'SPAWN_REQUEST',
        'UNLINK_ID',
      ],
      name,
    );
    t.same(
      [...operations.b].sort(),
      [
        'ALIAS_SEND',
        'PAYLOAD_EXIT',
        'PAYLOAD_MONITOR_P_EXIT',
        'REG_SEND',
        'SEND_SENDER',
        'SEND_SENDER_TT',
        'SPAWN_REPLY',
        'UNLINK_ID_ACK',
      ],
      name,
    );
    t.equal(payloads, 37, name);
  }
});

/** What the echoing node sends back, which includes every term of the scenario, by key. */
function echoed(name: keyof typeof FLAGS): Set<string> {
  const decoder = new MessageDecoder(FLAGS[name]);
  const keys = new Set<string>();
  for (const body of distributionCapture(name)[0]!.acceptor.frames) {
    const { control, payload } = decoder.decode(body)!;
    if (control.operation !== 'SEND_SENDER') continue;
    const echo = payload instanceof Tuple ? payload.elements[1] : undefined;
    if (echo !== undefined) keys.add(termKey(echo));
  }
  return keys;
}

t.test('both forms carry the same terms', async (t) => {
  const many = Array.from({ length: 300 }, (_, i) => atom(`atom_${i + 1}`));
  const long = atom('\u{1F600}'.repeat(255));
  for (const name of ['messages', 'pass-through'] as const) {
    const keys = echoed(name);
    t.ok(keys.has(termKey(many)), `${name}: more atoms than a header lists`);
    t.ok(keys.has(termKey(long)), `${name}: an atom of 1020 bytes`);
    t.ok(keys.has(termKey(atom('åäö'))), `${name}: an atom beyond ASCII`);
    t.ok(keys.has(termKey(-(2n ** 59n))), `${name}: an integer beyond 2^53`);
  }
});

t.test('messages in fragments, as OTP cuts and interleaves them', async (t) => {
  const decoder = new MessageDecoder(OFFERED_FLAGS);
  const sizes: number[] = [];
  let most = 0;
  for (const body of distributionCapture('fragments')[0]!.initiator.frames) {
    const payload = decoder.decode(body)?.payload;
    most = Math.max(most, decoder.openSequences);
    const sized = payload instanceof Tuple ? payload.elements[2] : undefined;
    const binary = sized instanceof Tuple ? sized.elements[1] : undefined;
    if (binary instanceof Uint8Array) sizes.push(binary.length);
  }
  t.same(sizes, [140000, 70000, 70000]);
  t.ok(most > 0);
  t.equal(decoder.openSequences, 0);
});

t.test('a captured connection gives the same messages however its bytes are cut', async (t) => {
  const random = seededRandom(9);
  for (const [name, flags] of Object.entries(FLAGS)) {
    const { bytes: stream, handshake, frames } = distributionCapture(name)[0]!.initiator;
    const handshakeBytes = handshake.reduce((sum, body) => sum + 2 + body.length, 0);
    const connected = stream.subarray(handshakeBytes);
    const whole = new MessageDecoder(flags);
    const expected = frames.map((body) => termKey(encodeControl(whole.decode(body)!.control)));
    const splits = [Array.from(connected, (_, at) => connected.subarray(at, at + 1))];
    for (let round = 0; round < 10; round += 1) splits.push(randomChunks(connected, random));
    for (const chunks of splits) {
      const parser = new FrameParser({ prefixBytes: 4, maxFrameBytes: 65536 });
      const decoder = new MessageDecoder(flags);
      const got: string[] = [];
      for (const chunk of chunks) {
        parser.push(chunk);
        while (parser.advance(decoder.reader, decoder)) {
          const message = decoder.reader.remaining > 0 ? decoder.decodeNext() : undefined;
          if (message !== undefined) got.push(termKey(encodeControl(message.control)));
        }
      }
      t.ok(got.length === expected.length && got.every((key, i) => key === expected[i]));
    }
  }
});

t.test('interleaves sequences and whole messages', async (t) => {
  const decoder = new MessageDecoder(OFFERED_FLAGS);
  const decode = (body: Uint8Array) => decoder.decode(body);
  t.equal(decode(start(1, 3, `${SEND} 6d 00000003`)), undefined);
  t.equal(decode(start(2, 2, SEND)), undefined, 'a first fragment may hold no payload');
  t.same(decode(bytes(`8344 00 ${LINK}`))?.control.operation, 'LINK');
  t.equal(decode(later(1, 2, '0102')), undefined);
  t.equal(decoder.openSequences, 2);
  t.same(decode(later(2, 1, '6105'))?.payload, 5);
  t.same(decode(later(1, 1, '03'))?.payload, Uint8Array.of(1, 2, 3));
  t.equal(decoder.openSequences, 0);
  t.same(decode(start(1, 1, `${SEND} 6107`))?.payload, 7, 'a start with id 1 is a whole message');
});

t.test('the header of the start serves the whole payload', async (t) => {
  const decoder = new MessageDecoder(OFFERED_FLAGS);
  const text = (value: string) => `01 ${ascii(value)}`;
  decoder.decode(
    bytes(`8345 ${u64(9)} ${u64(2)} 01 08 00 ${text('x')} ${term(tuple(22, a, b))} 6802 5200`),
  );
  decoder.decode(bytes(`8344 01 08 00 ${text('y')} ${LINK}`));
  t.same(decoder.decode(later(9, 1, '5200'))?.payload, tuple(atom('x'), atom('x')));
});

t.test('refuses fragments out of order', async (t) => {
  const cases: Record<string, readonly Uint8Array[]> = {
    'an unknown sequence': [later(1, 1, '6101')],
    'a gap': [start(1, 3, SEND), later(1, 1, '6101')],
    'a repetition': [start(1, 3, SEND), later(1, 2, ''), later(1, 2, '')],
    'a second start': [start(1, 3, SEND), start(1, 3, SEND)],
    'a whole message under an open id': [start(1, 3, SEND), start(1, 1, `${SEND} 6101`)],
    'sequence 0': [start(0, 2, SEND)],
    'fragment 0': [start(1, 0, SEND)],
    'more after the end': [start(1, 2, SEND), later(1, 1, '6101'), later(1, 1, '')],
  };
  for (const [name, bodies] of Object.entries(cases)) {
    const decoder = new MessageDecoder(OFFERED_FLAGS);
    for (const body of bodies.slice(0, -1)) decoder.decode(body);
    t.throws(() => decoder.decode(bodies.at(-1)!), { code: 'invalid_fragment' }, name);
    t.throws(() => decoder.decode(bytes(`8344 00 ${LINK}`)), { code: 'invalid_fragment' });
  }
});

t.test('holds every limit on fragments', async (t) => {
  const run = (limits: Partial<MessageDecoderLimits>, bodies: readonly Uint8Array[]) => {
    const decoder = new MessageDecoder(OFFERED_FLAGS, limits);
    for (const body of bodies) decoder.decode(body);
  };
  const two = [start(1, 2, SEND), start(2, 2, SEND)];
  run({ maxOpenSequences: 2 }, two);
  t.throws(() => run({ maxOpenSequences: 1 }, two), { code: 'limit_exceeded' });

  const binary = [start(1, 2, `${SEND} 6d 00000004`), later(1, 1, '01020304')];
  run({ maxMessageBytes: 9 }, binary);
  t.throws(() => run({ maxMessageBytes: 8 }, binary), { code: 'limit_exceeded' });

  const both = [start(1, 2, `${SEND} 01020304`), start(2, 2, `${SEND} 01020304`)];
  run({ maxOpenBytes: 8 }, both);
  t.throws(() => run({ maxOpenBytes: 7 }, both), { code: 'limit_exceeded' });
  run({ maxOpenBytes: 9 }, [...binary, ...binary, ...binary]);

  const deep = bytes(`8344 00 ${SEND} ${'6801'.repeat(5)} 6a`);
  t.throws(() => run({ terms: { maxDepth: 3 } }, [deep]), { code: 'limit_exceeded' });
});

t.test('an endless number of fragments costs the sender as much as us', async (t) => {
  const decoder = new MessageDecoder(OFFERED_FLAGS);
  t.equal(decoder.decode(start(1, Number.MAX_SAFE_INTEGER, SEND)), undefined);
  t.equal(decoder.decode(later(1, Number.MAX_SAFE_INTEGER - 1, '')), undefined);
});

t.test('fragments are put together in place, however their bytes are cut', async (t) => {
  const random = seededRandom(11);
  const payloads = [300_000, 70_000, 65_537, 1].map((length) => random.bytes(length));
  const encoder = new MessageEncoder(OFFERED_FLAGS);
  const queues = payloads.map((payload) => encoder.encode(tuple(22, a, b), payload));
  const frames: Uint8Array[] = [];
  while (queues.some((queue) => queue.length > 0)) {
    for (const queue of queues) frames.push(...queue.splice(0, 1));
    frames.push(...encoder.encode(tuple(1, a, b)));
  }
  const stream = Buffer.concat(frames);
  for (let round = 0; round < 30; round += 1) {
    const parser = new FrameParser({ prefixBytes: 4, maxFrameBytes: 2 ** 20 });
    const decoder = new MessageDecoder(OFFERED_FLAGS);
    const got: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const size = random.below(round % 3 === 0 ? 200_000 : 70_000) + 1;
      parser.push(stream.subarray(at, at + size));
      at += size;
      while (parser.advance(decoder.reader, decoder)) {
        const payload = decoder.decodeNext()?.payload;
        if (payload instanceof Uint8Array) got.push(payload);
      }
    }
    t.equal(decoder.openSequences, 0);
    got.sort((x, y) => y.length - x.length);
    t.ok(got.length === 4 && got.every((bytes, i) => Buffer.compare(bytes, payloads[i]!) === 0));
    for (const bytes of got.slice(0, 3)) {
      t.ok(bytes.buffer.byteLength <= 2 * bytes.length, 'not much more is kept alive');
    }
  }
});

/** Lets `decoder` read a message whose fragments come in two chunks each. @returns how many messages it read */
function readLarge(decoder: MessageDecoder, payloadBytes: number): number {
  const parser = new FrameParser({ prefixBytes: 4, maxFrameBytes: 2 ** 20 });
  const encoder = new MessageEncoder(OFFERED_FLAGS);
  let count = 0;
  for (const frame of encoder.encode(tuple(22, a, b), new Uint8Array(payloadBytes))) {
    for (const chunk of [frame.slice(0, 30), frame.slice(30)]) {
      parser.push(chunk);
      while (parser.advance(decoder.reader, decoder)) {
        if (decoder.decodeNext() !== undefined) count += 1;
      }
    }
  }
  return count;
}

t.test('a large message is let go of when it has been handed out', async (t) => {
  const decoder = new MessageDecoder(OFFERED_FLAGS);
  collectGarbage();
  const before = memoryUsage().arrayBuffers;
  t.equal(readLarge(decoder, 8 << 20), 1);
  collectGarbage();
  const kept = memoryUsage().arrayBuffers - before;
  t.ok(kept < 1 << 20, `${kept} bytes are kept`);
  t.equal(decoder.openSequences, 0);
});

t.test('holds the limits while a fragment comes, and stays failed', async (t) => {
  const decoder = new MessageDecoder(OFFERED_FLAGS, { maxMessageBytes: 10 });
  const head = later(1, 1, '');
  t.equal(decoder.accepts(head), false, 'of no message');
  decoder.decode(start(1, 2, `${SEND} 01020304`));
  t.equal(decoder.accepts(later(1, 2, '')), false, 'not the next one');
  t.equal(decoder.accepts(later(2, 1, '')), false, 'of another message');
  t.equal(decoder.accepts(start(1, 1, '').subarray(0, 18)), false, 'no later fragment');
  t.equal(decoder.accepts(head), true);
  decoder.take(new Uint8Array(6));
  t.throws(() => decoder.take(new Uint8Array(1)), { code: 'limit_exceeded' });
  t.throws(() => decoder.take(new Uint8Array(0)), { code: 'limit_exceeded' });
  t.throws(() => decoder.decode(bytes(`8344 00 ${LINK}`)), { code: 'limit_exceeded' });
});

t.test('room is made within the limits, whatever a peer announces', async (t) => {
  const maxOpenBytes = 1024 * 1024;
  const decoder = new MessageDecoder(OFFERED_FLAGS, { maxOpenBytes });
  collectGarbage();
  const before = memoryUsage().arrayBuffers;
  for (let id = 1; id <= 500; id += 1) decoder.decode(start(id, 2 ** 40, `${SEND} 6d`));
  // What was made to be let go of at once does not count (`bytes/freed-memory.ts`).
  collectGarbage();
  const made = memoryUsage().arrayBuffers - before;
  t.equal(decoder.openSequences, 500);
  t.ok(made >= maxOpenBytes && made < 2 * maxOpenBytes, `${made} bytes`);
});

t.test('refuses bytes behind a payload, and ignores them where there is none', async (t) => {
  t.match(failure(OFFERED_FLAGS, bytes(`8344 00 ${SEND} 6101 00`)), { code: 'trailing_bytes' });
  t.match(failure(PASS_THROUGH_FLAGS, bytes(`70 83 ${SEND} 83 6101 00`)), {
    code: 'trailing_bytes',
    context: { operation: 22 },
  });
  t.equal(failure(OFFERED_FLAGS, bytes(`8344 00 ${LINK} 6101`)), undefined);
  t.equal(failure(PASS_THROUGH_FLAGS, bytes(`70 83 ${LINK} ff`)), undefined);
});

t.test('refuses a payload that is missing', async (t) => {
  t.match(failure(OFFERED_FLAGS, bytes(`8344 00 ${SEND}`)), { code: 'truncated' });
  t.match(failure(PASS_THROUGH_FLAGS, bytes(`70 83 ${SEND}`)), { code: 'truncated' });
});

t.test('refuses the form that was not negotiated', async (t) => {
  const cases: readonly (readonly [bigint, string])[] = [
    [PASS_THROUGH_FLAGS, `8344 00 ${LINK}`],
    [OFFERED_FLAGS, `70 83 ${LINK}`],
    [PASS_THROUGH_FLAGS, `70 ${LINK}`],
    [PASS_THROUGH_FLAGS, `70 83 ${SEND} 6101`],
    [OFFERED_FLAGS, '8347 00'],
    [OFFERED_FLAGS, `8350 00 ${LINK}`],
    [PASS_THROUGH_FLAGS | DFLAG_DIST_HDR_ATOM_CACHE, `8345 ${u64(1)} ${u64(1)} 00 ${LINK}`],
  ];
  for (const [flags, body] of cases) {
    t.match(failure(flags, bytes(body)), { code: 'unexpected_body' }, body);
  }
  const fragmentsOnly = PASS_THROUGH_FLAGS | DFLAG_FRAGMENTS;
  t.equal(failure(fragmentsOnly, bytes(`8344 00 ${LINK}`)), undefined);
  t.match(failure(fragmentsOnly, bytes(`8344 01 08 00 01 61 ${LINK}`)), { code: 'invalid_header' });
});

t.test('refuses cache references without an entry', async (t) => {
  const pid = '58 5200 0000003a 00000000 00237ee2';
  t.match(failure(OFFERED_FLAGS, bytes(`8344 01 00 05 6803 6101 ${pid} ${pid}`)), {
    code: 'invalid_header',
  });
  t.match(failure(OFFERED_FLAGS, bytes(`8344 00 6803 6101 ${pid} ${pid}`)), {
    code: 'invalid_term',
  });
  t.match(failure(PASS_THROUGH_FLAGS, bytes(`7083 6803 6101 ${pid} ${pid}`)), {
    code: 'invalid_term',
  });
});

t.test('refuses every message cut short, at every length', async (t) => {
  for (const [name, flags] of Object.entries(FLAGS)) {
    const first = distributionCapture(name)[0]!.initiator.frames[0]!;
    t.equal(failure(flags, first), undefined);
    for (let length = 0; length < first.length; length += 1) {
      if (failure(flags, first.subarray(0, length)) === undefined) {
        t.fail(`${name}: accepted after ${length} of ${first.length} bytes`);
      }
    }
  }
});

t.test('lets only declared errors escape', async (t) => {
  const random = seededRandom(7);
  for (const [name, flags] of Object.entries(FLAGS)) {
    const { frames } = distributionCapture(name)[0]!.initiator;
    for (let round = 0; round < 60; round += 1) {
      let decoder = new MessageDecoder(flags);
      for (const frame of frames) {
        const mutated = random.below(3) === 0 ? mutate(frame, random) : frame;
        try {
          decoder.decode(mutated);
        } catch (error) {
          if (!(error instanceof DistributionError)) t.fail(`${hex(mutated)}: ${error}`);
          decoder = new MessageDecoder(flags);
        }
      }
    }
  }
});
