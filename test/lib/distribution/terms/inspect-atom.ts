import t from 'tap';
import { inspectAtom } from '../../../../lib/distribution/terms/inspect-atom.ts';

/** Name, and what OTP 25.2.3 prints for it with `~tp`. */
const PRINTED = [
  ['ok', 'ok'],
  ['ok@x', 'ok@x'],
  ['a_1', 'a_1'],
  ['maybe', 'maybe'],
  ['else', 'else'],
  ['é', 'é'],
  ['ßa', 'ßa'],
  ['aÿ', 'aÿ'],
  ['Ok', "'Ok'"],
  ['', "''"],
  ['end', "'end'"],
  ['if', "'if'"],
  ['andalso', "'andalso'"],
  ['É', "'É'"],
  ['÷a', "'÷a'"],
  ['a×', "'a×'"],
  ['_a', "'_a'"],
  ['1a', "'1a'"],
  ['a b', "'a b'"],
  ['日本', "'日本'"],
  ['node1@127.0.0.1', "'node1@127.0.0.1'"],
  ['Elixir.Counter', "'Elixir.Counter'"],
  ["it's", "'it\\'s'"],
  ['a"b', "'a\"b'"],
  ['a\nb', "'a\\nb'"],
  ['a\\b', "'a\\\\b'"],
  ['\u007f', "'\\d'"],
  ['\u0000', "'\\000'"],
] as const;

t.test('quotes a name exactly where OTP does', async (t) => {
  for (const [name, printed] of PRINTED) t.equal(inspectAtom(name), printed);
});
