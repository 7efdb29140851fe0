import t from 'tap';
import { ByteReader } from '../../../../lib/distribution/bytes/reader.ts';
import { ByteWriter } from '../../../../lib/distribution/bytes/writer.ts';
import { DistributionError } from '../../../../lib/distribution/errors.ts';
import {
  InboundAtomCache,
  MAX_HEADER_ATOMS,
  OutboundAtomCache,
} from '../../../../lib/distribution/wire/distribution-header.ts';
import { mutate, seededRandom } from '../../../support/seeded-random.ts';

const bytes = (hex: string) => new Uint8Array(Buffer.from(hex.replaceAll(' ', ''), 'hex'));
const ascii = (text: string) => Buffer.from(text, 'latin1').toString('hex');
const read = (cache: InboundAtomCache, hex: string) => cache.readHeader(new ByteReader(bytes(hex)));

// Sent by OTP 27: four new entries in segments 1, 0, 4 and 7.
const CAPTURED = `04 89fc00 91 0b ${ascii('b@127.0.0.1')} 05 00 99 03 ${ascii('rex')} 47 10 ${ascii('features_request')}`;

t.test('reads a header that OTP sent', async (t) => {
  const cache = new InboundAtomCache();
  const reader = new ByteReader(bytes(`${CAPTURED} 68`));
  t.same(cache.readHeader(reader), ['b@127.0.0.1', '', 'rex', 'features_request']);
  t.equal(reader.remaining, 1, 'and nothing behind it');
});

t.test('known entries need no text', async (t) => {
  const cache = new InboundAtomCache();
  read(cache, CAPTURED);
  // Refs to segment 4 / 0x99, segment 1 / 0x91, segment 7 / 0x47.
  t.same(read(cache, '03 14 07 99 91 47'), ['rex', 'b@127.0.0.1', 'features_request']);
});

t.test('a later new entry takes the slot of an earlier one', async (t) => {
  const cache = new InboundAtomCache();
  t.same(read(cache, `01 08 05 01 ${ascii('a')}`), ['a']);
  t.same(read(cache, `01 08 05 01 ${ascii('b')}`), ['b']);
  t.same(read(cache, '01 00 05'), ['b']);
});

t.test('the half-byte on lengths stands at index n, for odd and for even n', async (t) => {
  const long = '😀'.repeat(255);
  const text = Buffer.from(long).toString('hex');
  t.same(read(new InboundAtomCache(), `01 18 05 03fc ${text}`), [long]);
  t.same(read(new InboundAtomCache(), `02 88 01 05 03fc ${text} 06 0001 61`), [long, 'a']);
});

t.test('refuses a reference to an empty slot', async (t) => {
  t.throws(() => read(new InboundAtomCache(), '01 00 05'), {
    code: 'invalid_header',
    message: /slot 5 /,
  });
  t.throws(() => read(new InboundAtomCache(), '01 07 ff'), { message: /slot 2047 / });
});

t.test('refuses a text that is no atom', async (t) => {
  t.throws(() => read(new InboundAtomCache(), '01 08 05 02 c328'), { code: 'invalid_term' });
  const tooLong = `01 18 05 0100 ${'61'.repeat(256)}`;
  t.throws(() => read(new InboundAtomCache(), tooLong), { code: 'invalid_header' });
});

t.test('refuses a header cut short, at every length', async (t) => {
  const whole = bytes(CAPTURED);
  for (let length = 0; length < whole.length; length += 1) {
    const reader = new ByteReader(whole.subarray(0, length));
    t.throws(() => new InboundAtomCache().readHeader(reader), { code: 'truncated' });
  }
});

t.test('lets only declared errors escape', async (t) => {
  const random = seededRandom(5);
  for (let round = 0; round < 5000; round += 1) {
    const mutated = mutate(bytes(CAPTURED), random);
    try {
      new InboundAtomCache().readHeader(new ByteReader(mutated));
    } catch (error) {
      if (!(error instanceof DistributionError)) t.fail(`${mutated}: ${error}`);
    }
  }
});

/** Sends one message of atoms from `outbound` to `inbound`; returns what arrives, and the header. */
function pass(outbound: OutboundAtomCache, inbound: InboundAtomCache, names: readonly string[]) {
  const terms = new ByteWriter();
  const inline = names.filter((name) => !outbound.writeAtom(terms, name));
  const header = new ByteWriter();
  outbound.writeHeader(header);
  const atoms = inbound.readHeader(new ByteReader(header.view()));
  const refs = terms.take();
  const arrived: (string | undefined)[] = [];
  for (let i = 0; i < refs.length; i += 2) arrived.push(atoms[refs[i + 1]!]);
  return { arrived, inline, headerBytes: header.length };
}

t.test('what the outbound cache writes, the inbound cache reads', async (t) => {
  const outbound = new OutboundAtomCache();
  const inbound = new InboundAtomCache();
  t.same(pass(outbound, inbound, []).headerBytes, 1);
  const first = pass(outbound, inbound, ['rex', 'a@b', 'rex', '', 'åäö']);
  t.same(first.arrived, ['rex', 'a@b', 'rex', '', 'åäö']);
  const second = pass(outbound, inbound, ['a@b', 'rex']);
  t.same(second.arrived, ['a@b', 'rex']);
  t.equal(second.headerBytes, 1 + 2 + 2, 'texts travel once');
});

t.test('lengths of two bytes for one long atom among short ones', async (t) => {
  const names = ['short', '😀'.repeat(255), 'other'];
  const outbound = new OutboundAtomCache();
  const inbound = new InboundAtomCache();
  t.same(pass(outbound, inbound, names).arrived, names);
  t.same(pass(outbound, inbound, [...names, 'new']).arrived, [...names, 'new']);
});

t.test('atoms beyond the 255th of a message go in full, unless listed already', async (t) => {
  const names = Array.from({ length: 400 }, (_, i) => `atom_${i}`);
  const { arrived, inline } = pass(new OutboundAtomCache(), new InboundAtomCache(), [
    ...names,
    'atom_0',
  ]);
  t.same(arrived, [...names.slice(0, MAX_HEADER_ATOMS), 'atom_0']);
  t.same(inline, names.slice(MAX_HEADER_ATOMS));
});

t.test('stays in step with the peer whatever is sent, discarded and evicted', async (t) => {
  const random = seededRandom(6);
  const outbound = new OutboundAtomCache();
  const inbound = new InboundAtomCache();
  for (let round = 0; round < 3000; round += 1) {
    const spread = random.below(2) === 0 ? 40 : 6000;
    const names = Array.from({ length: random.below(60) }, () => `a${random.below(spread)}`);
    if (random.below(5) === 0) {
      const unsent = new ByteWriter();
      for (const name of names) outbound.writeAtom(unsent, name);
      outbound.discard();
      continue;
    }
    const { arrived } = pass(outbound, inbound, names);
    if (JSON.stringify(arrived) !== JSON.stringify(names)) t.same(arrived, names, `${round}`);
  }
});

t.test('leaves what is no atom to the term encoder', async (t) => {
  const outbound = new OutboundAtomCache();
  const writer = new ByteWriter();
  t.notOk(outbound.writeAtom(writer, 'x'.repeat(256)));
  t.notOk(outbound.writeAtom(writer, '\ud800'));
  t.equal(writer.length, 0);
});

t.test('a header that is repeated lists the same, until a slot gets another atom', async (t) => {
  const cache = new InboundAtomCache();
  read(cache, `02 88 00 05 01 ${ascii('a')} 06 01 ${ascii('b')}`);
  t.same(read(cache, '02 00 00 05 06'), ['a', 'b']);
  t.same(read(cache, '02 00 00 05 06'), ['a', 'b']);
  t.same(read(cache, '01 00 06'), ['b']);
  t.same(read(cache, '02 00 00 05 06'), ['a', 'b']);
  read(cache, `01 08 05 01 ${ascii('c')}`);
  t.same(read(cache, '02 00 00 05 06'), ['c', 'b']);
  t.throws(() => read(cache, '02 00 00 05'), { code: 'truncated' });
});

t.test('a writer repeats a header only if it would be the same', async (t) => {
  const cache = new OutboundAtomCache();
  const out = new ByteWriter();
  const message = (...names: string[]): string => {
    for (const name of names) cache.writeAtom(out, name);
    if (cache.repeatHeader()) return 'repeated';
    const header = new ByteWriter();
    cache.writeHeader(header);
    return Buffer.from(header.take()).toString('hex');
  };
  message('a', 'b');
  const known = message('a', 'b');
  t.equal(known, '0200000001');
  t.equal(message('a', 'b', 'a', 'b'), 'repeated');
  t.equal(message('a', 'b', 'b'), 'repeated');
  t.equal(message('b', 'a'), '0200000100');
  t.equal(message('b', 'a', 'a'), 'repeated');
  t.equal(message('b'), '010001');
  t.equal(message('b', 'a'), '0200000100');
  t.equal(message('b', 'a', 'new'), `03000801000203${ascii('new')}`);
  t.equal(message('b', 'a', 'new'), '030000010002', 'a text is sent once');
  cache.writeAtom(out, 'b');
  cache.discard();
  t.equal(message('b'), '010001', 'what was discarded is no header');
  t.equal(message(), '00');
  t.equal(message(), 'repeated');
});
