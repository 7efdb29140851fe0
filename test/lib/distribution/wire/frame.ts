import t from 'tap';
import { ByteReader } from '../../../../lib/distribution/bytes/reader.ts';
import { FrameError } from '../../../../lib/distribution/errors.ts';
import {
  BODY_HEAD_BYTES,
  FrameParser,
  frame,
  TICK_FRAME,
} from '../../../../lib/distribution/wire/frame.ts';
import { randomChunks, seededRandom } from '../../../support/seeded-random.ts';

const parser4 = (maxFrameBytes = 1024) => new FrameParser({ prefixBytes: 4, maxFrameBytes });

function drain(parser: FrameParser): Uint8Array[] {
  const bodies: Uint8Array[] = [];
  for (let body = parser.next(); body !== undefined; body = parser.next()) bodies.push(body);
  return bodies;
}

const hex = (bodies: readonly Uint8Array[]) => bodies.map((b) => Buffer.from(b).toString('hex'));

t.test('writes the length big-endian before the body', async (t) => {
  t.equal(Buffer.from(frame(Uint8Array.of(7, 8), 2)).toString('hex'), '00020708');
  t.equal(Buffer.from(frame(new Uint8Array(0x0102), 4).subarray(0, 4)).toString('hex'), '00000102');
  t.same(Buffer.from(frame(new Uint8Array(0), 4)), Buffer.from(TICK_FRAME));
  t.throws(() => frame(new Uint8Array(65536), 2), { code: 'frame_too_long' });
  t.equal(frame(new Uint8Array(65535), 2).length, 65537);
});

t.test('returns every body in order, a tick as an empty one', async (t) => {
  const parser = parser4();
  parser.push(
    Buffer.concat([frame(Uint8Array.of(1), 4), TICK_FRAME, frame(Uint8Array.of(2, 3), 4)]),
  );
  t.same(hex(drain(parser)), ['01', '', '0203']);
  t.equal(parser.next(), undefined);
});

t.test('returns a view when the frame lies inside one chunk', async (t) => {
  const parser = parser4();
  const chunk = frame(Uint8Array.of(5, 6, 7), 4);
  parser.push(chunk);
  const body = parser.next();
  t.equal(body?.buffer, chunk.buffer);
  t.equal(body?.byteOffset, chunk.byteOffset + 4);
});

t.test('gives the same bodies whatever the chunks', async (t) => {
  const random = seededRandom(1);
  const bodies = [0, 1, 3, 255, 256, 0, 1000, 2].map((length) => random.bytes(length));
  const stream = Buffer.concat(bodies.map((body) => frame(body, 4)));

  const single = parser4();
  const fromBytes: Uint8Array[] = [];
  for (const byte of stream) {
    single.push(Uint8Array.of(byte));
    fromBytes.push(...drain(single));
  }
  t.same(hex(fromBytes), hex(bodies), 'byte by byte');

  for (let round = 0; round < 200; round += 1) {
    const parser = parser4();
    const got: Uint8Array[] = [];
    for (const chunk of randomChunks(stream, random)) {
      parser.push(chunk);
      if (random.below(2) === 0) got.push(...drain(parser));
    }
    got.push(...drain(parser));
    if (JSON.stringify(hex(got)) !== JSON.stringify(hex(bodies))) {
      t.same(hex(got), hex(bodies), `random split ${round}`);
    }
  }
});

t.test('asks for more at every cut of a frame', async (t) => {
  const stream = frame(Uint8Array.of(1, 2, 3, 4, 5), 4);
  for (let cut = 0; cut < stream.length; cut += 1) {
    const parser = parser4();
    parser.push(stream.subarray(0, cut));
    t.equal(parser.next(), undefined, `after ${cut} bytes`);
    parser.push(stream.subarray(cut));
    t.same(hex(drain(parser)), ['0102030405']);
  }
});

t.test('gathers a large body from small chunks', async (t) => {
  const random = seededRandom(2);
  const body = random.bytes(1_000_000);
  const parser = parser4(body.length);
  const stream = frame(body, 4);
  for (let at = 0; at < stream.length; at += 1000) {
    if (parser.next() !== undefined) t.fail(`a body before byte ${at} of ${stream.length}`);
    parser.push(stream.subarray(at, at + 1000));
  }
  const got = parser.next();
  t.ok(got !== undefined && Buffer.compare(got, body) === 0);
  t.equal(got?.buffer.byteLength, body.length, 'no spare capacity is kept alive');
});

t.test(
  'gives the bodies that a taker accepts to it, as they come, and their heads to the reader',
  async (t) => {
    const random = seededRandom(3);
    const bodies = [5, 100, 18, 19, 500, 0, 1000, 17].map((length) => random.bytes(length));
    const stream = Buffer.concat(bodies.map((body) => frame(body, 4)));
    const wanted = [bodies[1]!, bodies[4]!, bodies[6]!].map(
      (body) => hex([body.subarray(0, 18)])[0],
    );
    const reader = new ByteReader(new Uint8Array(0));
    for (let round = 0; round < 200; round += 1) {
      const parser = parser4();
      const got: Uint8Array[] = [];
      let taken: Uint8Array[] = [];
      const taker = {
        accepts: (head: Uint8Array) => wanted.includes(hex([head])[0]),
        take: (part: Uint8Array) => taken.push(Uint8Array.from(part)),
      };
      const chunks =
        round === 0 ? Array.from(stream, (b) => Uint8Array.of(b)) : randomChunks(stream, random);
      for (const chunk of chunks) {
        parser.push(chunk);
        while (parser.advance(reader, taker)) {
          if (taken.length > 0 && reader.remaining !== BODY_HEAD_BYTES)
            t.fail('more than the head');
          got.push(Buffer.concat([reader.rest(), ...taken]));
          taken = [];
        }
      }
      if (JSON.stringify(hex(got)) !== JSON.stringify(hex(bodies))) t.same(hex(got), hex(bodies));
    }
  },
);

t.test('accepts a frame of maxFrameBytes and rejects one byte more', async (t) => {
  const parser = parser4(10);
  parser.push(frame(new Uint8Array(10), 4));
  t.equal(parser.next()?.length, 10);
  parser.push(Uint8Array.of(0, 0, 0, 11));
  t.throws(() => parser.next(), { code: 'frame_too_long', message: /at most 10 bytes.*11/ });
});

t.test('reads the prefix as an unsigned number', async (t) => {
  const parser = parser4();
  parser.push(Uint8Array.of(0xff, 0xff, 0xff, 0xff));
  t.throws(() => parser.next(), { code: 'frame_too_long', message: /4294967295/ });
});

t.test('stays failed after an error', async (t) => {
  const parser = parser4(4);
  parser.push(Uint8Array.of(0, 0, 0, 5));
  t.throws(() => parser.next(), FrameError);
  t.throws(() => parser.next(), FrameError);
  t.throws(() => parser.push(TICK_FRAME), FrameError);
  t.throws(() => parser.usePrefix(4, 100), FrameError);
});

t.test('changes the prefix with bytes already buffered', async (t) => {
  const stream = Buffer.concat([
    frame(Uint8Array.of(1), 2),
    frame(Uint8Array.of(2), 4),
    TICK_FRAME,
    frame(Uint8Array.of(3), 4),
  ]);
  const parser = new FrameParser({ prefixBytes: 2, maxFrameBytes: 16 });
  parser.push(stream);
  t.same(parser.next(), Uint8Array.of(1));
  parser.usePrefix(4, 16);
  t.same(hex(drain(parser)), ['02', '', '03']);
});

t.test('reads the beginning of a prefix in the new form', async (t) => {
  const parser = new FrameParser({ prefixBytes: 2, maxFrameBytes: 16 });
  parser.push(Uint8Array.of(0));
  t.equal(parser.next(), undefined);
  parser.usePrefix(4, 16);
  parser.push(Uint8Array.of(0, 0, 1, 9));
  t.same(parser.next(), Uint8Array.of(9));
});

t.test('refuses to change the prefix inside a frame', async (t) => {
  const parser = new FrameParser({ prefixBytes: 2, maxFrameBytes: 16 });
  parser.push(Uint8Array.of(0, 3, 1));
  t.equal(parser.next(), undefined);
  t.throws(() => parser.usePrefix(4, 16), { code: 'unexpected_body' });
});
