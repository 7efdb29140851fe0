import t from 'tap';
import { ByteReader } from '../../../../lib/distribution/bytes/reader.ts';
import { ByteWriter } from '../../../../lib/distribution/bytes/writer.ts';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { TermDecoder } from '../../../../lib/distribution/terms/decode.ts';
import { encodeTerm } from '../../../../lib/distribution/terms/encode.ts';
import { IdentifierCache } from '../../../../lib/distribution/terms/identifier-cache.ts';
import { MAX_TERM_DEPTH } from '../../../../lib/distribution/terms/limits.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { ImproperList, type Term, Tuple, tuple } from '../../../../lib/distribution/terms/term.ts';
import { termKey } from '../../../../lib/distribution/terms/term-key.ts';
import { CallReader, CallWriter } from '../../../../lib/distribution/wire/call-codec.ts';
import { encodeControl } from '../../../../lib/distribution/wire/control/control.ts';
import {
  InboundAtomCache,
  OutboundAtomCache,
} from '../../../../lib/distribution/wire/distribution-header.ts';
import { randomTerm } from '../../../support/random-terms.ts';
import { mutate, seededRandom } from '../../../support/seeded-random.ts';

const a = new Pid('a@127.0.0.1', 60, 1, 5);
const b = new Pid('b@127.0.0.1', 2 ** 32 - 1, 0, 6);
const ref = new Reference('a@127.0.0.1', 5, [1, 2 ** 32 - 1, 3]);
const alias = (to: Term, name = 'alias') => new ImproperList([atom(name)], to);
const call = (request: Term) => tuple(atom('$gen_call'), tuple(a, alias(ref)), request);
const reply = (answer: Term, to = ref) => tuple(alias(to), answer);

interface Written {
  readonly hex: string;
  readonly header: string;
}

function finish(out: ByteWriter, cache: OutboundAtomCache): Written {
  const header = new ByteWriter();
  cache.writeHeader(header);
  return { hex: hexOf(out.take()), header: hexOf(header.take()) };
}

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));

function writeStraight(part: 'control' | 'payload', term: Tuple): Written | undefined {
  const cache = new OutboundAtomCache();
  const out = new ByteWriter();
  if (!new CallWriter(cache)[part](out, term)) {
    t.equal(out.length, 0, 'what is left to others leaves nothing behind');
    return undefined;
  }
  return finish(out, cache);
}

function writeByTerms(term: Term): Written {
  const cache = new OutboundAtomCache();
  const out = new ByteWriter();
  encodeTerm(out, term, cache);
  return finish(out, cache);
}

function readerOf({ hex, header }: Written) {
  const reader = new ByteReader(bytesOf(hex));
  const known = new IdentifierCache();
  const terms = new TermDecoder(reader, {}, known);
  const atoms = new InboundAtomCache().readHeader(new ByteReader(bytesOf(header)));
  return { reader, terms, atoms, calls: new CallReader(reader, terms, known) };
}

t.test('writes control messages, calls and replies as the codec of terms does', async (t) => {
  for (const control of [tuple(22, a, b), tuple(22, b, a), tuple(22, a, a), tuple(33, b, ref)]) {
    t.same(writeStraight('control', control), writeByTerms(control));
  }
  const random = seededRandom(1);
  for (let i = 0; i < 300; i += 1) {
    const term = randomTerm(random);
    for (const message of [call(term), reply(term)]) {
      t.same(writeStraight('payload', message), writeByTerms(message));
    }
  }
});

t.test('reads what it writes as the codec of terms does', async (t) => {
  for (const control of [tuple(22, a, b), tuple(33, b, ref)]) {
    const { reader, atoms, calls } = readerOf(writeByTerms(control));
    t.equal(termKey(encodeControl(calls.control(atoms)!)), termKey(control));
    t.equal(reader.remaining, 0);
  }
  const random = seededRandom(2);
  for (let i = 0; i < 300; i += 1) {
    const term = randomTerm(random);
    for (const message of [call(term), reply(term)]) {
      const { reader, atoms, calls } = readerOf(writeByTerms(message));
      t.equal(termKey(calls.payload(atoms)!), termKey(message));
      t.equal(reader.remaining, 0);
    }
  }
});

const LONG_NODE = `${'é'.repeat(200)}@h`;
const OTHERS: readonly (readonly [string, Tuple])[] = [
  ['another tag', tuple(alias(ref, 'alia'), 1)],
  ['two elements before the tail', tuple(new ImproperList([atom('alias'), 1], ref), 1)],
  ['an alias of OTP 27', tuple(alias(new Reference('a@h', 1, [1, 2, 3, 4, 5])), 1)],
  ['another tail', tuple(alias(a), 1)],
  ['a cast', tuple(atom('$gen_cast'), 1)],
  ['a system message', tuple(atom('system'), tuple(a, alias(ref)), 1)],
  ['a call by an old caller', tuple(atom('$gen_call'), tuple(a, tuple(ref, atom('a@h'))), 1)],
  ['a call by no process', tuple(atom('$gen_call'), tuple(1, alias(ref)), 1)],
  ['a call by three', tuple(atom('$gen_call'), tuple(a, alias(ref), 1), 1)],
  ['a node with a long name', tuple(alias(new Reference(LONG_NODE, 1, [1, 2, 3])), 1)],
  ['nothing', tuple()],
];

t.test('leaves to the codec of terms whatever looks else', async (t) => {
  for (const [what, message] of OTHERS) {
    t.equal(writeStraight('payload', message), undefined, what);
    const { reader, atoms, calls } = readerOf(writeByTerms(message));
    if (what === 'a node with a long name') continue;
    t.equal(calls.payload(atoms), undefined, what);
    t.equal(reader.offset, 0, what);
  }
  for (const control of [
    tuple(1, a, b),
    tuple(22, a, ref),
    tuple(33, a, b),
    tuple(6, a, atom(''), b),
  ]) {
    t.equal(writeStraight('control', control), undefined);
    const { reader, atoms, calls } = readerOf(writeByTerms(control));
    t.equal(calls.control(atoms), undefined);
    t.equal(reader.offset, 0);
  }
});

t.test('leaves numbers that do not fit to those who refuse them', async (t) => {
  for (const wrong of [-1, 1.5, 2 ** 32, Number.NaN]) {
    const pid = new Pid('a@h', wrong, 0, 1);
    t.equal(writeStraight('control', tuple(22, pid, b)), undefined);
    t.equal(writeStraight('control', tuple(22, b, pid)), undefined);
    const reference = new Reference('a@h', 1, [0, wrong, 0]);
    t.equal(writeStraight('control', tuple(33, a, reference)), undefined);
    t.equal(writeStraight('payload', tuple(alias(reference), 1)), undefined);
  }
});

t.test('refuses a node whose name is no atom', async (t) => {
  const pid = new Pid('\ud800@h', 1, 0, 1);
  const stranger = new Reference('\ud800@h', 1, [1, 2, 3]);
  t.throws(() => writeStraight('control', tuple(22, a, pid)), { code: 'unencodable' });
  t.throws(() => writeStraight('control', tuple(33, a, stranger)), { code: 'unencodable' });
  t.throws(() => writeStraight('payload', reply(1, stranger)), { code: 'unencodable' });
});

t.test('counts what a request is nested in towards its depth', async (t) => {
  const nested = (depth: number): Term => {
    let term: Term = [];
    for (let i = 0; i < depth; i += 1) term = tuple(term);
    return term;
  };
  const deepest = nested(MAX_TERM_DEPTH - 1);
  const tooDeep = nested(MAX_TERM_DEPTH);
  for (const message of [call, reply]) {
    const written = writeStraight('payload', message(deepest));
    t.same(written, writeByTerms(message(deepest)));
    const { atoms, calls } = readerOf(written!);
    t.ok(calls.payload(atoms) instanceof Tuple);
    t.throws(() => writeStraight('payload', message(tooDeep)), { code: 'limit_exceeded' });
  }
});

t.test('counts what stands before a request towards the terms of the message', async (t) => {
  for (const message of [call([1, atom('x')]), reply([1, atom('x')])]) {
    const { hex, header } = writeByTerms(message);
    const atoms = new InboundAtomCache().readHeader(new ByteReader(bytesOf(header)));
    const outcome = (maxTerms: number, straight: boolean): unknown => {
      const reader = new ByteReader(bytesOf(hex));
      const known = new IdentifierCache();
      const terms = new TermDecoder(reader, { maxTerms }, known);
      const calls = new CallReader(reader, terms, known);
      try {
        return termKey(straight ? calls.payload(atoms)! : terms.read(atoms));
      } catch (error) {
        return (error as { readonly code: string }).code;
      }
    };
    for (let max = 7; max < 12; max += 1)
      t.equal(outcome(max, true), outcome(max, false), `${max}`);
  }
});

t.test('what is cut or spoilt is read as by the codec of terms, or left to it', async (t) => {
  const random = seededRandom(3);
  const whole = [call(tuple(atom('x'), 1)), reply(7), tuple(22, a, b), tuple(33, a, ref)];
  for (const term of whole) {
    const { hex, header } = writeByTerms(term);
    const part = term.elements[0] === 22 || term.elements[0] === 33 ? 'control' : 'payload';
    for (let i = 0; i < 500; i += 1) {
      const bytes = mutate(bytesOf(hex), random);
      const spoilt = { hex: hexOf(bytes.subarray(0, random.below(bytes.length + 1))), header };
      const expected = outcomeOf(() => {
        const { terms, atoms } = readerOf(spoilt);
        return termKey(terms.read(atoms));
      });
      const got = outcomeOf(() => {
        const { calls, atoms } = readerOf(spoilt);
        if (part === 'payload') {
          const message = calls.payload(atoms);
          return message === undefined ? expected : termKey(message);
        }
        const control = calls.control(atoms);
        return control === undefined ? expected : termKey(encodeControl(control));
      });
      t.equal(got, expected);
    }
  }
});

function outcomeOf(read: () => string): string {
  try {
    return read();
  } catch (error) {
    return String((error as { readonly code: string }).code);
  }
}

t.test('does not take an atom of another name for its own', async (t) => {
  const { hex, header } = writeByTerms(reply(1));
  const { atoms, calls } = readerOf({ hex, header });
  const others = atoms.map((name) => (name === 'alias' ? 'other' : name));
  t.equal(calls.payload(others), undefined);
});
