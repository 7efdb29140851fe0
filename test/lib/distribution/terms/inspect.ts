import t from 'tap';
import { atom } from '../../../../lib/distribution/terms/atom.ts';
import { decodeExternal } from '../../../../lib/distribution/terms/decode.ts';
import { inspectTerm } from '../../../../lib/distribution/terms/inspect.ts';
import { Pid } from '../../../../lib/distribution/terms/pid.ts';
import { Port } from '../../../../lib/distribution/terms/port.ts';
import { Reference } from '../../../../lib/distribution/terms/reference.ts';
import { type Term, tuple } from '../../../../lib/distribution/terms/term.ts';
import { capturedTerms } from '../../../support/otp-terms.ts';

t.test('prints captured terms as OTP does', async (t) => {
  for (const captured of capturedTerms().terms) {
    if (!('hex' in captured)) continue;
    const term = decodeExternal(Buffer.from(captured.hex, 'hex'));
    t.equal(inspectTerm(term), captured.text, captured.source);
  }
});

t.test('identifiers show the name of their node', async (t) => {
  t.equal(inspectTerm([new Pid('a@h', 83, 0, 7)]), '[<a@h.83.0>]');
  t.equal(inspectTerm(new Reference('a@h', 7, [1, 2, 3])), '#Ref<a@h.3.2.1>');
  t.equal(inspectTerm(new Port('a@h', 5n, 7)), '#Port<a@h.5>');
});

t.test('maxLength bounds the text, of whatever the term is made', async (t) => {
  const terms: readonly Term[] = [
    new Array<Term>(100_000).fill(1),
    new Array<Term>(100_000).fill(97),
    Buffer.alloc(100_000, 'é'),
    Buffer.alloc(100_000, 0),
    atom('x'.repeat(200)),
    tuple(...new Array<Term>(1000).fill([atom('a')])),
    10n ** 100n,
  ];
  for (const term of terms) {
    const text = inspectTerm(term, { maxLength: 20 });
    t.equal(text.length, 20);
    t.ok(text.endsWith('…'));
    t.ok(inspectTerm(term).startsWith(text.slice(0, -1)));
  }
  t.equal(inspectTerm(tuple(1), { maxLength: 3 }), '{1}');
});

t.test('shows what is no term instead of throwing', async (t) => {
  t.equal(inspectTerm([1, undefined as unknown as Term]), '[1,<undefined>]');
  t.equal(inspectTerm(Number.NaN), '<NaN>');
});

t.test('shows deep nesting up to the cap', async (t) => {
  let term: Term = 1;
  for (let i = 0; i < 100_000; i++) term = tuple(term);
  t.match(inspectTerm(term), /^\{{1000}\.\.\.\}{1000}$/);
});
